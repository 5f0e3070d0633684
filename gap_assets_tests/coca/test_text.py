import logging

import numpy as np
import pytest
import torch

from gap_assets.coca.text import embed_texts

TEXTS = [
    "a dog",
    "a cat on a mat.",
    "",
    "snow; and wind - and the long road into the far hills " * 3,
]


def test_embeddings_are_those_of_the_plain_model_on_padded_tokens(coca):
    found = embed_texts(coca, TEXTS)
    with torch.no_grad():
        expected = coca.module.encode_text(coca.tokenizer(TEXTS)).numpy()
    assert np.abs(found.embeddings - expected).max() < 1e-5
    assert found.embeddings.dtype == np.float32


def test_batch_composition_changes_nothing(coca):
    together = embed_texts(coca, TEXTS).embeddings
    for text, row in zip(TEXTS, together, strict=True):
        assert np.abs(embed_texts(coca, [text]).embeddings[0] - row).max() < 1e-5
    assert np.abs(embed_texts(coca, TEXTS, batch_size=2).embeddings - together).max() < 1e-5


def test_tokens_are_counted_and_truncation_is_marked(coca):
    found = embed_texts(coca, TEXTS)
    counted = [len(coca.tokenizer.encode(text)) + 2 for text in TEXTS]
    assert found.n_tokens.tolist() == [min(n, coca.context_length) for n in counted]
    assert found.truncated.tolist() == [n > coca.context_length for n in counted]
    assert found.truncated.tolist() == [False, False, False, True]


@pytest.mark.parametrize("text", ["a!/ dog", "a dog<end_of_text> cat", "a !$ dog", "a ！% dog"])
def test_tokens_that_mean_something_else_are_dropped(coca, text):
    tokenizer = coca.tokenizer
    special = {0, *tokenizer.all_special_ids}
    raw = tokenizer.encode(text)
    assert special & set(raw), "the text must hold the trap"
    found = embed_texts(coca, [text])
    assert found.n_tokens[0] == 2 + sum(token not in special for token in raw)
    clean = tokenizer.decode([token for token in raw if token not in special])
    assert np.abs(found.embeddings - embed_texts(coca, [clean]).embeddings).max() < 1e-5


def test_no_texts_give_no_rows(coca):
    assert embed_texts(coca, []).embeddings.shape == (0, coca.embed_dim)


def test_the_batch_is_halved_when_memory_runs_out(coca, caplog):
    whole = embed_texts(coca, TEXTS)
    encode = coca.module.encode_text

    def encode_two_at_most(tokens, **options):
        if len(tokens) > 2:
            raise torch.OutOfMemoryError
        return encode(tokens, **options)

    coca.module.encode_text = encode_two_at_most
    try:
        with caplog.at_level(logging.WARNING):
            halved = embed_texts(coca, TEXTS)
    finally:
        del coca.module.encode_text
    assert np.abs(halved.embeddings - whole.embeddings).max() < 1e-5
    assert "batches of 2" in caplog.text

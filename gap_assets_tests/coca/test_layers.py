"""What the hooks read between the blocks, against open_clip's own intermediates."""

import numpy as np
import pytest
import torch

from gap_assets.coca import layers
from gap_assets.coca.engine import embed_frames
from gap_assets.coca.layers import CLASS, PATCHES, image_layers, text_layers
from gap_assets.coca.text import embed_texts
from gap_assets_tests.coca.conftest import jpeg

TEXTS = ["a red ball", "a dog runs", "two cats", "a blue square moves", "rain"]


@pytest.fixture(scope="module")
def pictures():
    return [jpeg(seed) for seed in range(5)]


def test_the_output_is_what_is_embedded(coca, pictures):
    found = image_layers(coca, pictures, batch_size=2)
    assert np.array_equal(found.output, embed_frames(coca, pictures, batch_size=2))
    found = text_layers(coca, TEXTS, batch_size=2)
    assert np.array_equal(found.output, embed_texts(coca, TEXTS, batch_size=2).embeddings)


def test_pictures_are_read_before_the_first_block_and_after_each(coca, pictures, monkeypatch):
    seen = []
    normalised = layers.embed_frames.__globals__["_normalised"]

    def keeping(coca, pixels):
        seen.append(normalised(coca, pixels))
        return seen[-1]

    monkeypatch.setitem(layers.embed_frames.__globals__, "_normalised", keeping)
    found = image_layers(coca, pictures, batch_size=2)
    with torch.inference_mode():
        x = torch.cat(seen)
        own = coca.module.visual.forward_intermediates(
            x, output_fmt="NLC", output_extra_tokens=True, intermediates_only=True
        )
        before = coca.module.visual._embeds(x)
    classes, patches = found.tokens[CLASS], found.tokens[PATCHES]
    assert len(classes) == len(patches) == 1 + len(own["image_intermediates"])
    np.testing.assert_allclose(classes[0], before[:, 0], atol=1e-5)
    np.testing.assert_allclose(patches[0], before[:, 1:].mean(1), atol=1e-5)
    for mine, theirs in zip(classes[1:], own["image_intermediates_prefix"], strict=True):
        np.testing.assert_allclose(mine, theirs[:, 0], atol=1e-4)
    for mine, theirs in zip(patches[1:], own["image_intermediates"], strict=True):
        np.testing.assert_allclose(mine, theirs.mean(1), atol=1e-4)


def test_the_last_text_vector_gives_the_embedding(coca):
    found = text_layers(coca, TEXTS, batch_size=3)
    text = coca.module.text
    with torch.inference_mode():
        latent = text.ln_final(torch.from_numpy(found.tokens[CLASS][-1])) @ text.text_projection
    rows = torch.nn.functional.normalize(latent, dim=-1).numpy()
    np.testing.assert_allclose(rows, found.output, atol=1e-5)
    assert len(found.tokens[CLASS]) == 1 + len(text.transformer.resblocks)


def test_a_class_token_says_nothing_before_the_first_block(coca, pictures):
    assert np.ptp(image_layers(coca, pictures, batch_size=5).tokens[CLASS][0], axis=0).max() == 0
    assert np.ptp(text_layers(coca, TEXTS, batch_size=5).tokens[CLASS][0], axis=0).max() == 0


def test_a_batch_that_did_not_fit_counts_once(coca, pictures, monkeypatch):
    """It fails behind the last block, where all vectors have been read already."""
    visual, failed = coca.module.visual, []
    pool = type(visual)._pool

    def short(self, x):
        if len(x) > 2 and not failed:
            failed.append(len(x))
            raise torch.OutOfMemoryError("no room")
        return pool(self, x)

    expected = image_layers(coca, pictures, batch_size=2)
    monkeypatch.setattr(type(visual), "_pool", short)
    found = image_layers(coca, pictures, batch_size=4)
    coca.fits.clear()
    assert failed == [4]
    for mine, theirs in zip(found.tokens[CLASS], expected.tokens[CLASS], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_no_hook_stays(coca, pictures):
    image_layers(coca, pictures[:1], batch_size=1)
    text_layers(coca, TEXTS[:1], batch_size=1)
    modules = list(coca.module.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)


def test_vectors_do_not_keep_the_sequences(coca, pictures):
    found = image_layers(coca, pictures, batch_size=5)
    assert all(rows.base is None for of in found.tokens.values() for rows in of)


def test_a_tower_of_another_kind_has_an_output_alone(coca, pictures, monkeypatch):
    monkeypatch.setattr(coca.module.visual.transformer, "resblocks", torch.nn.Sequential())
    assert image_layers(coca, pictures, batch_size=5).tokens == {}

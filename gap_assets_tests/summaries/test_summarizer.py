import json
import logging
import re
import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from gap_assets.files import ChecksumError
from gap_assets.hub import ModelNotFoundError
from gap_assets.parameters import check_prompt
from gap_assets.summaries import prompts
from gap_assets.summaries.answers import NOTHING
from gap_assets.summaries.summarizer import _fit, load_summarizer, summarize

VIDEOS = [
    ["a dog runs", "a dog jumps over a wall"],
    ["a man is stirring dough in a bowl"] * 3,
    [],
    ["snow"],
    ["a boat sails across a lake", "a boat is moored", "people leave a boat", "a lake at night"],
]


def run(summarizer, videos, **options):
    defaults = {
        "prompt": None,
        "max_new_tokens": 12,
        "repetition_penalty": 1.3,
        "batch_tokens": 100_000,
    }
    return summarize(summarizer, videos, **(defaults | options))


def test_batched_equals_single_in_any_order(summarizer):
    together = run(summarizer, VIDEOS)
    assert [run(summarizer, [video])[0] for video in VIDEOS] == together
    assert run(summarizer, VIDEOS[::-1]) == together[::-1]
    assert run(summarizer, VIDEOS, batch_tokens=1) == together
    assert len({summary.text for summary in together}) > 2


def test_the_batch_is_halved_when_memory_runs_out_and_stays_so(summarizer, monkeypatch, caplog):
    summarizer = replace(summarizer, fits={})
    whole = run(summarizer, VIDEOS)
    generate = summarizer.model.generate
    refused = []

    def two_at_most(ids, **options):
        if len(ids) > 2:
            refused.append(len(ids))
            raise torch.OutOfMemoryError
        return generate(ids, **options)

    monkeypatch.setattr(summarizer.model, "generate", two_at_most)
    with caplog.at_level(logging.WARNING):
        assert run(summarizer, VIDEOS) == whole
        before = len(refused)
        assert run(summarizer, VIDEOS) == whole
    assert "going on with batches of" in caplog.text
    assert len(refused) == before > 0


def test_a_video_without_captions_has_an_empty_summary(summarizer):
    assert NOTHING.text == ""
    assert run(summarizer, VIDEOS)[2] == NOTHING
    assert run(summarizer, [[], []]) == [NOTHING, NOTHING]
    assert run(summarizer, []) == []


def test_captions_that_do_not_fit_are_dropped_evenly(summarizer):
    captions = [f"caption {number:03}" for number in range(400)]
    room = summarizer.context - (0 if summarizer.kind == "encoder-decoder" else 12)
    ids, kept = _fit(summarizer, summarizer.prompt, captions, room)
    assert len(ids) <= room
    shown = [
        int(number) for number in re.findall(r"caption (\d+)", summarizer.tokenizer.decode(ids))
    ]
    gaps = [b - a for a, b in pairwise(shown)]
    assert (shown[0], shown[-1]) == (0, 399)
    assert max(gaps) - min(gaps) <= 1
    (summary,) = run(summarizer, [captions])
    assert (summary.n_captions, summary.truncated) == (len(shown), True) == (len(kept), True)
    assert not run(summarizer, [captions[:2]])[0].truncated


def test_a_prompt_must_hold_its_field_and_leave_room(summarizer):
    with pytest.raises(ValueError, match=r"field \{captions\} exactly once; it holds it 0 times"):
        run(summarizer, VIDEOS, prompt="Summarise this.")
    with pytest.raises(ValueError, match="shorten the prompt"):
        run(summarizer, [["a dog"]], prompt="word " * 2000 + "{captions}")


def test_prompts_join_captions_by_a_full_stop_or_as_a_list():
    captions = [" A dog.", "{captions} \n and a cat ."]
    assert prompts.fill_prompt("{captions}", captions) == "A dog . {captions} and a cat"
    assert prompts.fill_prompt("Seen:\n- {captions}\nSo:", captions) == (
        "Seen:\n- A dog\n- {captions} and a cat\nSo:"
    )
    for prompt in (prompts.INSTRUCTION_PROMPT, prompts.FEW_SHOT_PROMPT):
        check_prompt(prompt)


def test_the_default_prompt_is_one_for_the_kind_of_model(summarizer):
    expected = prompts.DEFAULT_PROMPTS[summarizer.kind]
    assert summarizer.prompt == expected
    assert run(summarizer, VIDEOS) == run(summarizer, VIDEOS, prompt=expected)
    assert run(summarizer, VIDEOS) != run(summarizer, VIDEOS, prompt="{captions}")


def test_a_tokenizer_that_needs_sentencepiece_is_one_sentence(tmp_path, folder):
    """As T5's own repositories without a tokenizer.json have it."""
    old = shutil.copytree(folder, tmp_path / "old")
    for name in ("SHA256SUMS", "tokenizer.json", "tokenizer_config.json"):
        (old / name).unlink()
    (old / "spiece.model").write_bytes(b"\n\x0e\n\x05<pad>\x15\0\0\0\0\x18\x03")
    (old / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer"}')
    with pytest.raises(ModelNotFoundError, match=r"no tokenizer\.json.*sentencepiece") as found:
        load_summarizer(model=str(old), device="cpu")
    assert "\n" not in str(found.value)


def test_the_checkpoints_own_precision_is_not_taken_over(folder, tmp_path):
    half = shutil.copytree(folder, tmp_path / "half")
    (half / "SHA256SUMS").unlink()
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    assert load_summarizer(model=str(half), device="cpu").model.dtype == torch.float32
    assert (
        load_summarizer(model=str(half), device="cpu", dtype="bf16").model.dtype == torch.bfloat16
    )


def test_a_changed_or_missing_model_is_named_in_one_sentence(folder, tmp_path, monkeypatch):
    changed = shutil.copytree(folder, tmp_path / "changed")
    (changed / "config.json").write_text("{}")
    with pytest.raises(ChecksumError, match=r"config.json is not the file"):
        load_summarizer(model=str(changed))
    (changed / "SHA256SUMS").unlink()
    (changed / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match=r"safetensors is damaged or incomplete; delete"):
        load_summarizer(model=str(changed))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="holds no language model"):
        load_summarizer(model=str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, said in (("no-such/model", "HF_HUB_OFFLINE is set"), ("/no/where", "nor the name")):
        with pytest.raises(ModelNotFoundError, match=said) as caught:
            load_summarizer(model=name)
        assert "\n" not in str(caught.value)

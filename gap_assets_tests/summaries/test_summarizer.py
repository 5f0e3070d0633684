import json
import logging
import re
import shutil
from itertools import pairwise

import pytest
import torch

from gap_assets.checksums import ChecksumError
from gap_assets.hub import ModelNotFoundError
from gap_assets.summaries import prompts
from gap_assets.summaries.summarizer import (
    Summary,
    _fit,
    load_summarizer,
    summarize,
)

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


def test_the_batch_is_halved_when_memory_runs_out(summarizer, monkeypatch, caplog):
    whole = run(summarizer, VIDEOS)
    generate = summarizer.model.generate

    def two_at_most(ids, **options):
        if len(ids) > 2:
            raise torch.OutOfMemoryError
        return generate(ids, **options)

    monkeypatch.setattr(summarizer.model, "generate", two_at_most)
    with caplog.at_level(logging.WARNING):
        assert run(summarizer, VIDEOS) == whole
    assert "batches of 2" in caplog.text


def test_a_video_without_captions_has_an_empty_summary(summarizer):
    empty = Summary(text="", n_captions=0, truncated=False)
    assert run(summarizer, VIDEOS)[2] == empty
    assert run(summarizer, [[], []]) == [empty, empty]
    assert run(summarizer, []) == []


def test_a_summary_is_no_longer_than_asked(summarizer):
    short, long = (run(summarizer, VIDEOS, max_new_tokens=n) for n in (4, 12))
    for a, b in zip(short, long, strict=True):
        # Half a character at the end of a text decodes as U+FFFD.
        assert b.text.startswith(a.text.rstrip("\ufffd "))
    assert sum(len(b.text) > len(a.text) for a, b in zip(short, long, strict=True)) >= 1


def test_a_summary_ends_at_the_first_line_break(folder, summarizer):
    """Random models hardly write line breaks; Phi's output bias makes this one likely."""
    if folder.name != "phi":
        pytest.skip("no output bias")
    talkative = load_summarizer(model=str(folder), device="cpu")
    tokenizer = talkative.tokenizer
    (line_break,) = tokenizer("\n")["input_ids"]
    ids = torch.tensor([tokenizer(prompts.render(talkative.prompt, VIDEOS[0]))["input_ids"]])
    for bias in range(40):
        talkative.model.lm_head.bias.data[line_break] = bias
        with torch.inference_mode():
            written = talkative.model.generate(
                ids, max_new_tokens=12, repetition_penalty=1.3, do_sample=False, pad_token_id=1
            )
        text = tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        if text[0] != "\n" and "\n" in text.strip():
            break
    assert "\n" in text.strip()
    assert run(talkative, [VIDEOS[0]])[0].text == text.split("\n")[0].strip()


def test_captions_that_do_not_fit_are_dropped_evenly(summarizer):
    captions = [f"caption {number:03}" for number in range(400)]
    room = summarizer.context - (0 if summarizer.encoder_decoder else 12)
    ids, count = _fit(summarizer, summarizer.prompt, captions, room)
    assert len(ids) <= room
    shown = [
        int(number) for number in re.findall(r"caption (\d+)", summarizer.tokenizer.decode(ids))
    ]
    gaps = [b - a for a, b in pairwise(shown)]
    assert (shown[0], shown[-1]) == (0, 399)
    assert max(gaps) - min(gaps) <= 1
    (summary,) = run(summarizer, [captions])
    assert (summary.n_captions, summary.truncated) == (len(shown), True) == (count, True)
    assert not run(summarizer, [captions[:2]])[0].truncated


def test_a_prompt_must_hold_its_field_and_leave_room(summarizer):
    with pytest.raises(ValueError, match=r"field \{captions\} exactly once; it holds it 0 times"):
        run(summarizer, VIDEOS, prompt="Summarise this.")
    with pytest.raises(ValueError, match="shorten the prompt"):
        run(summarizer, [["a dog"]], prompt="word " * 2000 + "{captions}")


def test_prompts_join_captions_by_a_full_stop_or_as_a_list():
    captions = [" A dog.", "{captions} \n and a cat ."]
    assert prompts.render("{captions}", captions) == "A dog . {captions} and a cat"
    assert prompts.render("Seen:\n- {captions}\nSo:", captions) == (
        "Seen:\n- A dog\n- {captions} and a cat\nSo:"
    )
    for prompt in (prompts.INSTRUCTION_PROMPT, prompts.FEW_SHOT_PROMPT):
        prompts.check_prompt(prompt)


def test_the_default_prompt_is_one_for_the_kind_of_model(summarizer):
    expected = prompts.INSTRUCTION_PROMPT if summarizer.encoder_decoder else prompts.FEW_SHOT_PROMPT
    assert summarizer.prompt == expected
    assert run(summarizer, VIDEOS) == run(summarizer, VIDEOS, prompt=expected)
    assert run(summarizer, VIDEOS) != run(summarizer, VIDEOS, prompt="{captions}")


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

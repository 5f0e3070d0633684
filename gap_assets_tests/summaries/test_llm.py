"""A real language model, SmolLM2-135M-Instruct, on sentences of our own; `make llm` fetches it."""

from dataclasses import replace
from pathlib import Path

import pytest

from gap_assets.parameters import FIELD
from gap_assets.summaries.prompts import DEFAULT_PROMPTS
from gap_assets.summaries.summarizer import load_summarizer, summarize
from gap_assets.summaries.support import MOSTLY, echoes

FOLDER = Path(__file__).parents[2] / ".cache" / "llm" / "smollm2-135m-instruct"

VIDEOS = [
    [
        "a woman stands beside a barbell in a gym",
        "a woman lifts the barbell to her chest",
        "a woman drops the barbell on the floor",
    ],
    ["two dogs run across a beach", "a dog catches a red ball", "two dogs shake off the water"],
    ["a man on a ladder paints a wall", "a man dips a brush in a bucket of blue paint"],
    ["a girl plays the violin on a stage", "an audience claps for a girl with a violin"],
    ["a cyclist rides down a steep trail in a forest"],
]
PLACES = ["a field", "a bridge", "a village", "a river", "a hill", "a forest"]
SIXTY = [
    f"a {colour} train passes {place}"
    for place in PLACES
    for colour in ["red", "long", "slow", "loud", "new", "old", "short", "full", "dark", "fast"]
]

pytestmark = [pytest.mark.llm, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def smollm():
    if not FOLDER.is_dir():
        pytest.skip("the language model is not there; run `make llm`")
    return load_summarizer(model=str(FOLDER), device="cpu")


@pytest.fixture(params=["chat", "base"])
def asked(smollm, request):
    """The model, asked through its chat template and by the few-shot prompt."""
    return replace(smollm, kind=request.param, prompt=DEFAULT_PROMPTS[request.param])


def told(summarizer, videos):
    return summarize(summarizer, videos, repetition_penalty=1.1)


def test_it_is_asked_as_a_chat_model(smollm):
    assert smollm.kind == "chat"
    assert smollm.prompt == DEFAULT_PROMPTS["chat"]


def test_summaries_are_single_lines_of_the_models_own(asked):
    template = asked.prompt.replace(FIELD, " ")
    for summary, captions in zip(told(asked, VIDEOS), VIDEOS, strict=True):
        assert summary.fallback is None
        assert summary.ended
        assert len(summary.text.split()) >= 4
        assert len(summary.text.splitlines()) == 1
        assert not echoes(summary.text, template, captions)
        assert "Captions" not in summary.text
        assert "<|" not in summary.text
        assert "Summary" not in summary.text
        assert summary.unsupported is not None
    shares = [summary.unsupported for summary in told(asked, VIDEOS)]
    assert sum(shares) / len(shares) < MOSTLY


def test_batched_equals_single(asked):
    videos = [*VIDEOS, [], SIXTY]
    together = told(asked, videos)
    assert [told(asked, [video])[0] for video in videos] == together
    assert told(asked, videos[::-1]) == together[::-1]


def test_one_caption_and_sixty(asked):
    one, sixty = told(asked, [VIDEOS[-1], SIXTY])
    assert (one.n_captions, sixty.n_captions) == (1, 60)
    assert not sixty.truncated
    assert one.text
    assert "train" in sixty.text


def test_what_runs_into_the_limit_is_marked(asked):
    for summary in summarize(asked, VIDEOS, max_new_tokens=4):
        assert not summary.ended
        assert summary.text


def test_an_own_prompt_goes_through_the_template(smollm):
    own = "Name the animals in these lines, and nothing else:\n- {captions}"
    [summary] = summarize(smollm, [VIDEOS[1]], prompt=own, repetition_penalty=1.1)
    assert "dog" in summary.text.lower()

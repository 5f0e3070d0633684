import pytest

from gap_assets.summaries.answers import Summary, summary_of
from gap_assets.summaries.generation import Written
from gap_assets.summaries.prompts import FEW_SHOT_PROMPT


def test_what_a_model_writes_becomes_asummary_of():
    shown = ["a man lifts a barbell", "a man drops a barbell", "a crowd"]

    def told(text, *, ended=True):
        answer = Written(text=text, ended=ended)
        return summary_of(answer, FEW_SHOT_PROMPT, shown, truncated=False)

    plain = told("\nHere is a summary:\n\n**A man lifts weights.** \nMore.")
    assert plain == Summary(
        text="A man lifts weights.",
        n_captions=3,
        truncated=False,
        ended=True,
        unsupported=pytest.approx(1 / 3),
        fallback=None,
    )
    cut = told("A man lifts a barbell. A crowd claps and", ended=False)
    assert (cut.text, cut.ended, cut.unsupported) == ("A man lifts a barbell.", False, 0)
    example = FEW_SHOT_PROMPT.partition("Summary: ")[2].splitlines()[0]
    for text, why in {"\n": "empty", "<think>A man": "empty", example: "example"}.items():
        instead = told(text, ended=False)
        assert (instead.text, instead.fallback) == ("a man lifts a barbell", why)
        assert not instead.ended

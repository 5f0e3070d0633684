"""What becomes of an answer: a summary, with the marks that say how far to trust it.

It is cleaned (`cleaning`), compared with the captions (`support`), and replaced by a caption where
it says nothing of its own. No model is needed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gap_assets.parameters import FIELD
from gap_assets.summaries.cleaning import clean, cut_back
from gap_assets.summaries.support import echoes, most_typical, unsupported_share

if TYPE_CHECKING:
    from gap_assets.summaries.generation import Written

Fallback = Literal["empty", "example"]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One video's summary.

    Attributes:
        text: One line; empty for a video without captions.
        n_captions: Captions that the model was shown.
        truncated: Whether captions were left out because they did not fit.
        ended: Whether the model ended it itself. A text that ran into the token limit is cut back
            to its last full sentence, if it has one.
        unsupported: The share of its content words that occur in no caption shown; see `support`.
            None if it has no content words.
        fallback: Why the text is the most typical caption instead of the model's own words: they
            were `empty`, or a copy of the prompt's `example`. None where they are its own.
    """

    text: str
    n_captions: int
    truncated: bool
    ended: bool
    unsupported: float | None
    fallback: Fallback | None


NOTHING = Summary(
    text="", n_captions=0, truncated=False, ended=True, unsupported=None, fallback=None
)


def summary_of(answer: "Written", prompt: str, shown: Sequence[str], *, truncated: bool) -> Summary:
    """An answer cleaned, cut back, and replaced where it says nothing of its own.

    Args:
        answer: What the model wrote.
        prompt: What it was asked, with the field `{captions}`.
        shown: The captions that it was shown, one at least.
        truncated: Whether others were left out.
    """
    text = clean(answer.text)
    text = text if answer.ended else cut_back(text)
    fallback: Fallback | None = None
    if not text:
        fallback = "empty"
    elif echoes(text, prompt.replace(FIELD, " "), shown):
        fallback = "example"
    if fallback:
        text = " ".join(most_typical(shown).split())
    return Summary(
        text=text,
        n_captions=len(shown),
        truncated=truncated,
        ended=answer.ended,
        unsupported=unsupported_share(text, shown),
        fallback=fallback,
    )

"""The report's section on summaries: how far to trust them, and the best and the worst.

Only the choice and the words are here; how a summary is marked is in `gap_assets.summaries`, the
picture in `figures.trust`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gap_assets.gap.reporting.numbers import number

SHOWN = 3
REASONS = {
    "empty": "the model wrote nothing, so this is a caption",
    "example": "the model copied the prompt's example, so this is a caption",
}


@dataclass(frozen=True, kw_only=True)
class MarkedSummary:
    """A video's summary beside what it was made of.

    Attributes:
        video_id: The video.
        text: The summary.
        captions: The filtered captions, in their order.
        ended: Whether the model ended it itself.
        unsupported: The share of its content words that occur in no caption; None without any.
        cosine: To the mean of the captions in the encoder's text space; None if not embedded.
        fallback: Why it is a caption instead of the model's own words; None if it is its own.
    """

    video_id: str
    text: str
    captions: Sequence[str]
    ended: bool
    unsupported: float | None
    cosine: float | None
    fallback: str | None


def section(summaries: Sequence[MarkedSummary]) -> dict[str, Any] | None:
    """What the page's template shows of the summaries; None without any.

    The worst are first those that are not the model's own, then those with the largest share of
    words from nowhere, then those farthest from their captions; the best are the other end.
    """
    from gap_assets.gap.reporting.figures.trust import trust

    if not summaries:
        return None
    order = sorted(summaries, key=_trust)
    count = min(SHOWN, len(order) // 2)
    n = len(order)
    own = sum(each.fallback is None for each in order)
    ended = sum(each.ended for each in order)
    return {
        "sentence": (
            f"Of {n} summaries {own} are the model's own words, and {ended} it ended itself instead"
            " of running into the token limit."
        ),
        "exhibit": trust(order),
        "cards": {
            "Best supported": [_card(each) for each in order[:count]],
            "Worst supported": [_card(each) for each in order[::-1][:count]],
        },
    }


def _trust(each: MarkedSummary) -> tuple[bool, float, float, str]:
    unsupported = 1.0 if each.unsupported is None else each.unsupported
    return each.fallback is not None, unsupported, -(each.cosine or 0.0), each.video_id


def _card(each: MarkedSummary) -> dict[str, Any]:
    marks = [
        "no content words"
        if each.unsupported is None
        else f"{each.unsupported:.0%} of its words in no caption",
        "" if each.cosine is None else f"cosine {number(each.cosine)}",
        "" if each.ended else "cut at the limit",
        REASONS.get(each.fallback or "", ""),
    ]
    return {
        "video_id": each.video_id,
        "text": each.text,
        "marks": " · ".join(filter(None, marks)),
        "captions": list(each.captions),
    }

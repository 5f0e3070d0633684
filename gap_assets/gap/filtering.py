"""The report's section on the caption filter: how much it keeps, and one video line by line.

Only the words are here; what is kept is decided in the pipeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class CaptionedFrame(NamedTuple):
    """A frame's caption, and the kept caption that stands for it."""

    seconds: float
    caption: str
    kept: str
    kept_at: float


@dataclass(frozen=True, kw_only=True)
class FilteredCaptions:
    """What the filter kept.

    Attributes:
        captions: Captions of all videos.
        kept: How many of them are kept.
        video_id: The video that is shown.
        frames: Its frames in the order of time.
    """

    captions: int
    kept: int
    video_id: str
    frames: Sequence[CaptionedFrame]


def filter_section(filtered: FilteredCaptions | None) -> dict[str, Any] | None:
    """What the page's template shows of the filter; None without any captions."""
    if filtered is None:
        return None
    return {
        "sentence": (
            f"Of {filtered.captions:,} captions {filtered.kept:,} are kept: of those that say the"
            f" same, one. The frames of {filtered.video_id} show how:"
        ),
        "lines": [
            (f"{frame.seconds:.1f} s", frame.caption, _what_became(frame))
            for frame in filtered.frames
        ],
    }


def _what_became(frame: CaptionedFrame) -> str:
    if frame.seconds == frame.kept_at:
        return "kept"
    same = frame.caption == frame.kept
    return f"{'the same as' if same else 'says what is said'} at {frame.kept_at:.1f} s"

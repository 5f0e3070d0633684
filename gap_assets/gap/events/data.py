"""What is measured of events: the arrays that go in, the groups they fall into, the rows made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.pairs import FloatArray

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

ALL = "all"
SHORTEST, MIDDLE, LONGEST = LENGTHS = ("shortest third", "middle third", "longest third")


@dataclass(frozen=True, kw_only=True)
class Events:
    """E events of V videos, each with frames inside.

    Attributes:
        video: (E,) the video of each, 0 to V - 1.
        sentences: (E, D) unit embeddings.
        inside: (E, D) means of the unit embeddings of the frames inside.
        whole: (V, D) means of the unit embeddings of all frames of each video.
        stills: (V, D) sums over each video's events of the unit embeddings of their middle frames.
        still: (E,) cosine of the sentence with the middle frame.
        outside: (E,) mean cosine of the sentence with the video's frames outside; NaN without any.
        ahead: (E,) share of pairs of a frame inside and one outside in which the one inside is
            closer to the sentence, 0 to 1; NaN without any outside.
        length_s: (E,) seconds.
        n_frames: (E,) frames inside, at least 1.
    """

    video: NDArray[np.int64]
    sentences: Vectors
    inside: Vectors
    whole: Vectors
    stills: Vectors
    still: FloatArray
    outside: FloatArray
    ahead: FloatArray
    length_s: FloatArray
    n_frames: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.video)

    @property
    def contrasted(self) -> Mask:
        """(E,) those of whose video a part lies outside."""
        return np.isfinite(self.outside)


@dataclass(frozen=True)
class EventRow:
    """One row of `event_metrics`."""

    metric: str
    event_group: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n_events: int
    n_videos: int


def groups(events: Events) -> dict[str, Mask]:
    """The events by thirds of their length, and by how many frames they have, doubling."""
    first, second = np.quantile(events.length_s, [1 / 3, 2 / 3])
    third = (events.length_s > first).astype(int) + (events.length_s > second)
    found = {name: third == number for number, name in enumerate(LENGTHS)}
    doublings = np.log2(events.n_frames).astype(int)
    for power in np.unique(doublings):
        name = f"{2**power} to {2 ** (power + 1) - 1} frames" if power else "1 frame"
        found[name] = doublings == power
    return found


def find_row(rows: Sequence[EventRow], metric: str, *, group: str = ALL) -> EventRow | None:
    """The row of a metric and a group, if there is one."""
    return next((row for row in rows if (row.metric, row.event_group) == (metric, group)), None)

"""The rows of `event_metrics`: what is measured, of which events, with which controls.

The controls: frames drawn at random from the video destroy the time, a single still leaves out how
the event goes on. Of as many frames as the event has, drawn again and again from the whole video,
the expected mean is the mean of the video: so all draws are known at once, and none is made.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from gap_assets.gap.events.data import (
    ALL,
    LONGEST,
    SHORTEST,
    EventRow,
    Events,
    Mask,
    Vectors,
    groups,
)
from gap_assets.gap.events.ranks import closer_videos
from gap_assets.gap.events.resampled import (
    Resampled,
    cosine_with_others,
    gap_of,
    mean_of,
    part_of,
    resample,
)
from gap_assets.gap.metrics.resampling import interval
from gap_assets.gap.pairs import MIN_PAIRS, FloatArray

BLOCK = 4096  # events whose video's mean is copied at a time

Replicates = Mapping[str, FloatArray]
"""Metric to (1 + B,) values: its own, then those of the resampled videos."""


def event_rows(events: Events, *, bootstraps: int, seed: int) -> Iterator[EventRow]:
    """All that is measured of events; of fewer than three videos nothing is.

    What compares inside with outside is of the events of whose video a part lies outside.

    Args:
        events: The events.
        bootstraps: Resamples of the videos behind each interval.
        seed: Of the resampling.
    """
    if len(events) == 0:
        return
    cosines = cosines_of(events)
    norms = np.sqrt(np.vecdot(events.inside, events.inside))
    for group, members in {ALL: np.full(len(events), fill_value=True), **groups(events)}.items():
        drawn = resample(events, members, bootstraps=bootstraps, seed=seed)
        if len(drawn.videos) < MIN_PAIRS:
            continue
        yield from _rows(drawn, group, _sizes(events, drawn, norms))
        yield from _rows(drawn, group, _gaps(events, drawn, norms, controls=group == ALL))
        del drawn
        both = resample(events, members & events.contrasted, bootstraps=bootstraps, seed=seed)
        if len(both.videos) >= MIN_PAIRS:
            yield from _rows(both, group, _cosines(both, cosines))
            if group == ALL:
                yield from _rows(both, group, _with_others(events, both, cosines))
                yield from _ranks(events, both)
    yield from _longest_and_shortest(events, bootstraps=bootstraps, seed=seed)


def cosines_of(events: Events) -> dict[str, FloatArray]:
    """(E,) mean cosine of each sentence with the frames that it is compared with, by their name."""
    return {
        "inside": np.asarray(np.vecdot(events.sentences, events.inside), np.float64),
        "outside": events.outside,
        "shuffled": _with_their_videos(events),
        "still": events.still,
    }


def _with_their_videos(events: Events) -> FloatArray:
    """(E,) mean cosine of each sentence with all frames of its video, some events at a time."""
    blocks = [slice(start, start + BLOCK) for start in range(0, len(events), BLOCK)]
    found = [np.vecdot(events.sentences[rows], events.whole[events.video[rows]]) for rows in blocks]
    return np.concatenate(found, dtype=np.float64)


def _rows(drawn: Resampled, group: str, metrics: Replicates) -> Iterator[EventRow]:
    counts = len(drawn.events), len(drawn.videos)
    for name, replicates in metrics.items():
        low, high = interval(float(replicates[0]), replicates[1:], units=counts[1])
        yield EventRow(name, group, float(replicates[0]), low, high, *counts)


def _sizes(events: Events, drawn: Resampled, norms: FloatArray) -> Replicates:
    """How long the events are, how many frames they have, and how alike those are."""
    return {
        "length_s": mean_of(drawn, events.length_s),
        "n_frames": mean_of(drawn, events.n_frames.astype(np.float64)),
        "norm": mean_of(drawn, norms.astype(np.float64)),
    }


def _gaps(events: Events, drawn: Resampled, norms: FloatArray, *, controls: bool) -> Replicates:
    """The gap of sentences and their frames, and with each mean made a unit vector.

    Args:
        events: All events.
        drawn: Those that are measured.
        norms: (E,) lengths of the means of frames.
        controls: Whether the gaps with shuffled frames and with stills are measured, too; these
            are of all events.
    """
    sentences = drawn.sums(events.sentences)

    def gap_with(frames: Vectors) -> FloatArray:
        np.subtract(sentences, frames, out=frames)  # 15,000 videos are 46 MB each time.
        return gap_of(drawn, frames)

    shorter = (1 / np.maximum(norms, 1e-12)).astype(np.float32)
    gap = gap_with(drawn.sums(events.inside))
    found = {
        "gap_debiased": gap,
        "gap_of_unit_means": gap_with(drawn.sums(events.inside, factors=shorter)),
    }
    if not controls:
        return found
    whole = events.whole[drawn.videos]
    whole *= drawn.counts[:, None].astype(np.float32)
    shuffled, still = gap_with(whole), gap_with(events.stills[drawn.videos])
    return found | {
        "gap_shuffled": shuffled,
        "gap_still": still,
        "gap_minus_shuffled": gap - shuffled,
        "gap_minus_still": gap - still,
    }


def _cosines(drawn: Resampled, cosines: Mapping[str, FloatArray]) -> Replicates:
    """The mean cosines, and by how much those inside exceed the others, event by event."""
    inside = cosines["inside"]
    means = {f"cosine_{name}": mean_of(drawn, values) for name, values in cosines.items()}
    differences = {
        f"inside_minus_{name}": mean_of(drawn, inside - cosines[name])
        for name in ("outside", "shuffled", "still")
    }
    return means | differences


def _with_others(events: Events, drawn: Resampled, cosines: Mapping[str, FloatArray]) -> Replicates:
    """The mean cosine with the frames of other videos, and by how much it is exceeded."""
    sentences, frames = drawn.sums(events.sentences), events.whole[drawn.videos]
    others = cosine_with_others(drawn, sentences, frames)
    return {
        "cosine_other_videos": others,
        "inside_minus_other_videos": mean_of(drawn, cosines["inside"]) - others,
        "outside_minus_other_videos": mean_of(drawn, cosines["outside"]) - others,
        "ahead_of_outside": mean_of(drawn, events.ahead),
    }


def _ranks(events: Events, drawn: Resampled) -> Iterator[EventRow]:
    """Where an event's frames come among those of other videos.

    Without intervals: resampling the sentences alone would take the gallery for given.
    """
    closer, counts = closer_videos(events, drawn.events), (len(drawn.events), len(drawn.videos))
    values = {
        "ahead_of_other_videos": 1 - closer.mean() / (len(drawn.videos) - 1),
        "first_of_other_videos": (closer < 0.5).mean(),
        "median_rank_of_videos": np.median(closer) + 1,
    }
    for name, value in values.items():
        yield EventRow(name, ALL, float(value), None, None, *counts)


def _longest_and_shortest(events: Events, *, bootstraps: int, seed: int) -> Iterator[EventRow]:
    """By how much the gap of the longest third exceeds that of the shortest."""
    thirds: dict[str, Mask] = groups(events)
    ends = thirds[LONGEST], thirds[SHORTEST]
    drawn = resample(events, ends[0] | ends[1], bootstraps=bootstraps, seed=seed)
    gaps = []
    for members in ends:
        part = part_of(drawn, events, members)
        if len(part.videos) < MIN_PAIRS:
            return
        differences = part.sums(events.sentences)
        differences -= part.sums(events.inside)
        gaps.append(gap_of(part, differences))
    yield from _rows(drawn, ALL, {"gap_longest_minus_shortest": gaps[0] - gaps[1]})

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
    norms = np.linalg.norm(events.inside, axis=1)
    for group, members in {ALL: np.full(len(events), fill_value=True), **groups(events)}.items():
        drawn = resample(events, members, bootstraps=bootstraps, seed=seed)
        if len(drawn.videos) < MIN_PAIRS:
            continue
        yield from _rows(drawn, group, _sizes(events, drawn, norms))
        yield from _rows(drawn, group, _gaps(events, drawn, norms))
        if group == ALL:
            yield from _rows(drawn, group, _control_gaps(events, drawn))
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

    def with_sentences(frames: Vectors) -> FloatArray:
        return np.asarray(np.vecdot(events.sentences, frames), np.float64)

    return {
        "inside": with_sentences(events.inside),
        "outside": events.outside,
        "shuffled": with_sentences(events.whole[events.video]),
        "still": with_sentences(events.stills),
    }


def _rows(drawn: Resampled, group: str, metrics: Replicates) -> Iterator[EventRow]:
    counts = len(drawn.events), len(drawn.videos)
    for name, replicates in metrics.items():
        low, high = interval(replicates[1:])
        yield EventRow(name, group, float(replicates[0]), low, high, *counts)


def _sizes(events: Events, drawn: Resampled, norms: FloatArray) -> Replicates:
    """How long the events are, how many frames they have, and how alike those are."""
    return {
        "length_s": mean_of(drawn, events.length_s),
        "n_frames": mean_of(drawn, events.n_frames.astype(np.float64)),
        "norm": mean_of(drawn, norms.astype(np.float64)),
    }


def _gaps(events: Events, drawn: Resampled, norms: FloatArray) -> Replicates:
    """The gap of sentences and their frames, and what it is once each mean is a unit vector."""
    sentences = drawn.sums(events.sentences)
    shorter = (1 / np.maximum(norms, 1e-12)).astype(np.float32)
    return {
        "gap_debiased": gap_of(drawn, sentences - drawn.sums(events.inside)),
        "gap_of_unit_means": gap_of(drawn, sentences - drawn.sums(events.inside, factors=shorter)),
    }


def _control_gaps(events: Events, drawn: Resampled) -> Replicates:
    """The gaps with shuffled frames and with stills, and how much they differ from the gap."""
    sentences = drawn.sums(events.sentences)
    whole = drawn.counts[:, None].astype(np.float32) * events.whole[drawn.videos]
    gap = gap_of(drawn, sentences - drawn.sums(events.inside))
    shuffled = gap_of(drawn, sentences - whole)
    still = gap_of(drawn, sentences - drawn.sums(events.stills))
    return {
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
    parts = [part_of(drawn, events, members) for members in ends]
    if min(len(part.videos) for part in parts) < MIN_PAIRS:
        return
    longest, shortest = (
        gap_of(part, part.sums(events.sentences) - part.sums(events.inside)) for part in parts
    )
    yield from _rows(drawn, ALL, {"gap_longest_minus_shortest": longest - shortest})

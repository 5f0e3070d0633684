"""The exact sampler: the frames that a sampling picks, at the least decoding that is exact.

Belongs here: planning picks on packets, and falling back to picking from all decoded frames where
the packets do not tell. Does not belong here: pixels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from av.video.frame import VideoFrame

from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import (
    DecodeReport,
    InexactError,
    Limits,
    TooLongError,
    all_frames,
    wanted_frames,
)
from gap_assets.video.sampling import (
    LONGEST_STEP_S,
    KeyFrames,
    Sampling,
    TimedSampling,
    pick,
    slot_of,
)
from gap_assets.video.timeline import Timeline, read_timeline

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class PickedFrame:
    """A decoded frame, its presentation time from the container's start, and its outputs.

    It is what `repeats` of the sampling's outputs show, one after the other.
    """

    timestamp_s: float
    frame: VideoFrame
    repeats: int = 1


def picked_frames(
    path: Path, *, sampling: Sampling, limits: Limits, report: DecodeReport, once: bool = False
) -> Iterator[PickedFrame]:
    """Yields the frames that `sampling` wants in presentation order, holding a few at a time.

    The repeats of all of them are at most `limits.max_frames`; with `once` each has 1. Damage is
    counted where a wanted frame depends on it; then all of the file is decoded, and what was
    delivered is not repeated.

    Raises:
        UnreadableVideoError: The file cannot be opened, or no picture of it can be decoded.
    """
    timeline = read_timeline(path)
    outputs = 0
    try:
        for picked in _exact(path, sampling, timeline=timeline, limits=limits, report=report):
            due, room = 1 if once else picked.repeats, limits.max_frames - outputs
            if room:
                yield replace(picked, repeats=min(due, room))
                outputs += min(due, room)
            if due > room:
                report.notes.append(f"the limit of {limits.max_frames} frames cut the video short")
                break
    except TooLongError:
        report.notes.append(
            f"the limit of {limits.max_decode_seconds:g} seconds of decoding cut the video short"
        )
    if not outputs:
        reason = report.damage() or "It holds no frame."
        raise UnreadableVideoError(f"No picture of {path.name} can be decoded. {reason}")
    if timeline.claimed_s and timeline.end_s < 0.9 * timeline.claimed_s - 1:
        report.notes.append(
            f"the pictures end at {timeline.end_s:.1f} s of the {timeline.claimed_s:.1f} s that "
            "the header claims"
        )
    # The header of a slide show may leave out how long the last picture stays.
    last_s = float((max(timeline.pts) - timeline.origin) * timeline.time_base)
    if timeline.claimed_s and not timeline.clock_jumps and last_s > 2 * timeline.claimed_s + 10:
        report.notes.append(
            f"pictures come as late as {last_s:.1f} s, where the header claims"
            f" {timeline.claimed_s:.1f} s"
        )


def _exact(
    path: Path, sampling: Sampling, *, timeline: Timeline, limits: Limits, report: DecodeReport
) -> Iterator[PickedFrame]:
    delivered = 0
    if timeline.regular:
        try:
            for picked in pick_then_decode(
                path, sampling, timeline=timeline, limits=limits, report=report
            ):
                yield picked
                delivered += 1
        except InexactError:
            report.lost_packets = 0
        else:
            return
    everything = decode_then_pick(path, sampling, timeline=timeline, limits=limits, report=report)
    yield from islice(everything, delivered, None)


def planned_picks(sampling: Sampling, *, timeline: Timeline) -> list[tuple[int, int, int]]:
    """(time, pts, repeats) of the frames that the packets' times promise, decoding none."""
    if isinstance(sampling, KeyFrames):
        return [(pts - timeline.origin, pts, 1) for pts in timeline.key_times()]
    return list(_pick(timeline.frames(), sampling, timeline=timeline))


def pick_then_decode(
    path: Path, sampling: Sampling, *, timeline: Timeline, limits: Limits, report: DecodeReport
) -> Iterator[PickedFrame]:
    """Plans the picks on the packets' times and decodes what they need.

    Raises:
        InexactError: The plan does not hold; frames yielded until then are right.
    """
    plan = planned_picks(sampling, timeline=timeline)
    frames = wanted_frames(
        path, wanted=[pts for _, pts, _ in plan], timeline=timeline, limits=limits, report=report
    )
    for (time, _, repeats), frame in zip(plan, frames, strict=True):
        yield _picked(time, frame, repeats, timeline=timeline)


def decode_then_pick(
    path: Path, sampling: Sampling, *, timeline: Timeline, limits: Limits, report: DecodeReport
) -> Iterator[PickedFrame]:
    """Decodes every packet and picks from the frames that come out."""
    frames = _counted(
        all_frames(path, timeline=timeline, limits=limits, report=report),
        packets=len(timeline.pts) - len(timeline.hidden),
        report=report,
    )
    if isinstance(sampling, KeyFrames):
        keys = set(timeline.key_times())
        for time, _, frame in frames:
            if frame.pts in keys if timeline.regular else frame.key_frame:
                yield _picked(time, frame, 1, timeline=timeline)
    else:
        for time, frame, repeats in _pick(frames, sampling, timeline=timeline):
            yield _picked(time, frame, repeats, timeline=timeline)


def _counted(frames: Iterable[Item], *, packets: int, report: DecodeReport) -> Iterator[Item]:
    """Passes on all frames, and says at the end if most packets gave none.

    A packet may hold one field of two, or a picture that is never shown, but not most of them.
    """
    count = 0
    for frame in frames:
        count += 1
        yield frame
    if 2 * count < packets:
        report.notes.append(f"only {count} of {packets} packets gave a picture")


def _pick(
    frames: Iterable[tuple[int, int, Item]], sampling: TimedSampling, *, timeline: Timeline
) -> Iterator[tuple[int, Item, int]]:
    return pick(
        frames,
        slot=slot_of(sampling, time_base=timeline.time_base, duration=timeline.end),
        longest_step=int(LONGEST_STEP_S / timeline.time_base),
        clock_jumps=timeline.clock_jumps,
    )


def _picked(time: int, frame: VideoFrame, repeats: int, *, timeline: Timeline) -> PickedFrame:
    return PickedFrame(timestamp_s=float(time * timeline.time_base), frame=frame, repeats=repeats)

"""Which frames of a video are wanted, as a rule over presentation times.

Belongs here: the sampling choices and the one rule that turns times into picks; the decoder applies
it to packets before decoding and to frames after it. Does not belong here: libav.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")

LONGEST_STEP_S = 10
"""A longer step is one of the clock, not of the recording: backwards in any file, and forwards in
the formats whose clock may jump. ffmpeg draws the line there too."""


@dataclass(frozen=True, kw_only=True)
class FramesPerSecond:
    """ffmpeg's `fps` filter: output k shows the last frame before (k + 1/2) / rate seconds."""

    rate: float = 1.0


@dataclass(frozen=True, kw_only=True)
class EverySeconds:
    """The frame on screen at 0, `seconds`, 2 x `seconds`, ..."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class FixedCount:
    """The frames on screen in the middle of `count` equal parts of the video."""

    count: int


@dataclass(frozen=True, kw_only=True)
class KeyFrames:
    """Every frame that the encoder stored whole."""


TimedSampling = FramesPerSecond | EverySeconds | FixedCount
Sampling = TimedSampling | KeyFrames


def slot_of(sampling: TimedSampling, *, time_base: Fraction, duration: int) -> Callable[[int], int]:
    """Returns the function from a time to the first output that may show a frame of that time.

    Output k is the last frame whose slot is at most k, and the slot of the video's end is the
    number of outputs. Times are integers, in units of `time_base` seconds from the container's
    start, so the rule is exact.

    Args:
        sampling: The rule.
        time_base: Seconds per unit of time.
        duration: The end of the video; `FixedCount` divides it.
    """
    match sampling:
        case FramesPerSecond(rate=rate):  # floor(t rate + 1/2)
            up, down = (time_base * Fraction(rate)).as_integer_ratio()
            return lambda time: (2 * time * up + down) // (2 * down)
        case EverySeconds(seconds=seconds):  # ceil(t / seconds)
            up, down = (time_base / Fraction(seconds)).as_integer_ratio()
            return lambda time: -(-time * up // down)
        case FixedCount(
            count=count
        ):  # ceil(t count / duration - 1/2), also of frames that are late
            whole = 2 * max(duration, 1)
            return lambda time: min(-((max(duration, 1) - 2 * time * count) // whole), count)


def pick(
    frames: Iterable[tuple[int, int, Item]],
    *,
    slot: Callable[[int], int],
    longest_step: int,
    clock_jumps: bool,
) -> Iterator[tuple[int, Item, int]]:
    """Picks from frames in presentation order, one at a time, holding only the latest.

    A frame is picked when it is the last of its slot, and counts for each output until the next
    pick, as ffmpeg repeats it; so does the first pick where the video starts late. A video always
    yields at least one pick, however short. Where the clock is set back by more than
    `longest_step`, as in files joined end to end, picking goes on from the new time.

    Args:
        frames: (time, duration, item) of each frame, in the time unit of `slot`.
        slot: As `slot_of` returns it.
        longest_step: In the same unit.
        clock_jumps: Whether a longer step forwards is one of the clock as well: the picture before
            it is picked once.

    Yields:
        (time, item, repeats) with repeats of at least 1.
    """
    held: tuple[int, Item] | None = None
    held_slot = outputs = shown_since = end = 0

    def repeats(until_slot: int, until: int) -> int:
        jumped = clock_jumps and until - shown_since > longest_step
        return 1 if jumped else until_slot - outputs

    for time, duration, item in frames:
        due = slot(time)
        if held is not None and held[0] - time > longest_step:
            outputs, shown_since, held_slot, end = due, time, due, time
        elif held is not None and due > held_slot:
            if due > outputs:
                yield *held, repeats(due, time)
                outputs, shown_since = due, time
            held_slot = due
        elif held is None:
            held_slot = due
        held = time, item
        end = max(end, time + duration)
    if held is not None:
        total = slot(end)
        if total > outputs or not outputs:
            yield *held, max(repeats(total, end), 1)

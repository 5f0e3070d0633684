from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.video.sampling import (
    EverySeconds,
    FixedCount,
    FramesPerSecond,
    TimedSampling,
    pick,
    slot_of,
)

MILLISECOND = Fraction(1, 1000)
NEVER_A_GAP = 10**12

# Presentation times in milliseconds: a first frame that may come late, then steps up to 3 s.
timelines = st.builds(
    lambda first, steps: [first + sum(steps[:index]) for index in range(len(steps) + 1)],
    st.integers(0, 4000),
    st.lists(st.integers(1, 3000), max_size=40),
)
rates = st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0, 29.97])


def outputs(
    times: list[int],
    sampling: TimedSampling,
    *,
    last: int = 40,
    longest_step: int = NEVER_A_GAP,
    clock_jumps: bool = False,
) -> list[int]:
    durations = [after - before for before, after in pairwise(times)] + [last]
    slot = slot_of(sampling, time_base=MILLISECOND, duration=times[-1] + last)
    frames = zip(times, durations, times, strict=True)
    return [
        item
        for _, item, repeats in pick(
            frames, slot=slot, longest_step=longest_step, clock_jumps=clock_jumps
        )
        for _ in range(repeats)
    ]


def on_screen(times: list[int], until: Fraction, *, inclusive: bool) -> int:
    """The last frame before (or at) a moment, else the first."""
    return max(
        (time for time in times if time < until or (inclusive and time == until)),
        default=times[0],
    )


@given(times=timelines, rate=rates)
def test_frames_per_second_follow_ffmpegs_rule(times: list[int], rate: float) -> None:
    exact = Fraction(rate)
    slots = [floor(time * MILLISECOND * exact + Fraction(1, 2)) for time in times]
    count = max(floor((times[-1] + 40) * MILLISECOND * exact + Fraction(1, 2)), 1)
    expected = []
    for k in range(count):
        slot = max(k, slots[0])  # a late start repeats the first output
        expected.append(max(t for t, s in zip(times, slots, strict=True) if s <= slot))
    assert outputs(times, FramesPerSecond(rate=rate)) == expected


@given(times=timelines, seconds=st.sampled_from([0.04, 0.5, 1.0, 7.3]))
def test_every_seconds_takes_what_is_on_screen(times: list[int], seconds: float) -> None:
    times = [time - times[0] for time in times]
    exact = Fraction(seconds) * 1000
    count = ceil((times[-1] + 40) / exact)
    expected = [on_screen(times, k * exact, inclusive=True) for k in range(count)]
    assert outputs(times, EverySeconds(seconds=seconds)) == expected


@given(times=timelines, count=st.integers(1, 50))
def test_fixed_count_takes_the_middle_of_equal_parts(times: list[int], count: int) -> None:
    times = [time - times[0] for time in times]
    part = Fraction(times[-1] + 40, count)
    expected = [on_screen(times, (k + Fraction(1, 2)) * part, inclusive=True) for k in range(count)]
    assert outputs(times, FixedCount(count=count)) == expected


@given(
    times=st.lists(st.integers(0, 10**15), min_size=1, max_size=20, unique=True).map(sorted),
    sampling=st.sampled_from([FramesPerSecond(), EverySeconds(seconds=2), FixedCount(count=30)]),
)
def test_jumps_of_the_clock_never_become_work(times: list[int], sampling: TimedSampling) -> None:
    picked = outputs(times, sampling, longest_step=10_000, clock_jumps=True)
    assert 1 <= len(picked) <= max(11 * len(times), 31)
    assert picked == sorted(picked)


def test_a_clip_under_half_a_second_gives_its_last_frame() -> None:
    assert outputs([0, 40, 80], FramesPerSecond()) == [80]


@pytest.mark.parametrize(
    ("stays", "clock_jumps", "expected"), [(9, True, 9), (11, True, 1), (11, False, 11)]
)
def test_a_still_counts_as_long_as_it_stays(stays: int, clock_jumps: bool, expected: int) -> None:
    picked = outputs(
        [0, 1000 * stays], FramesPerSecond(), longest_step=10_000, clock_jumps=clock_jumps
    )
    assert picked.count(0) == expected


def test_picking_goes_on_where_the_clock_is_set_back() -> None:
    joined = [*range(50_000, 53_000, 100), *range(0, 3_000, 100)]
    picked = outputs(joined, FramesPerSecond(), last=100, longest_step=10_000)
    assert picked[-3:] == [400, 1400, 2400]

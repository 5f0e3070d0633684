from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.encoders.frames import frames_read


@pytest.mark.parametrize(
    ("repeats", "frames", "read"),
    [
        ([1] * 8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        ([1] * 16, 4, [2, 6, 10, 14]),
        ([1, 1], 8, [0, 0, 0, 0, 1, 1, 1, 1]),
        ([1], 3, [0, 0, 0]),
        ([6, 1, 1], 4, [0, 0, 0, 2]),  # A still counts for as long as it is shown.
    ],
)
def test_frames_are_read_evenly_over_time(repeats, frames, read):
    assert frames_read(repeats, frames=frames) == read


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 20))
def test_a_still_is_read_as_if_it_were_stored_as_often_as_it_is_shown(repeats, frames):
    of_all = frames_read([1] * sum(repeats), frames=frames)
    shown = [position for position, count in enumerate(repeats) for _ in range(count)]
    assert frames_read(repeats, frames=frames) == [shown[moment] for moment in of_all]
    assert of_all == sorted(of_all)
    steps = {b - a for a, b in pairwise(of_all)}
    assert not steps or max(steps) - min(steps) <= 1


@pytest.mark.parametrize("repeats", [[], [1, 0]])
def test_nothing_to_read(repeats):
    with pytest.raises(ValueError, match="shown at least once"):
        frames_read(repeats, frames=8)

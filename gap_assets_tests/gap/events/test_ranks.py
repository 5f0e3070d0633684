import numpy as np
import pytest

from gap_assets.gap.events import ranks
from gap_assets.gap.events.ranks import closer_videos
from gap_assets_tests.gap.events.conftest import simulated


@pytest.mark.parametrize("cells", [1, 50, 1 << 22])
def test_ranks_do_not_depend_on_the_blocks_and_leave_out_the_own_video(cells, monkeypatch):
    monkeypatch.setattr(ranks, "BLOCK_CELLS", cells)
    events = simulated(20, tie=0.3)
    chosen = np.flatnonzero(events.contrasted)
    gallery = np.unique(events.video[chosen])
    expected = [
        sum(
            float(events.sentences[i] @ events.whole[video])
            > float(events.sentences[i] @ events.inside[i])
            for video in gallery
            if video != events.video[i]
        )
        for i in chosen
    ]
    assert closer_videos(events, chosen).tolist() == expected
    assert 0 < sum(expected) < len(chosen) * len(gallery)


def test_a_tie_counts_half():
    events = simulated(4, most=1, topic=0, tie=0)
    events.inside[:] = events.whole[:] = events.whole[0]
    assert closer_videos(events, np.arange(4)).tolist() == [1.5] * 4

"""Near-copies are found, and only they."""

import numpy as np
import pytest

from gap_assets.gap import Pairs, check_pairs
from gap_assets.gap.metrics.copies import copies_count, near_copies
from gap_assets_tests.gap.conftest import simulated


def with_copies(n=60, copies=12, *, video=0.03, text=0.03, d=24, seed=0):
    """Pairs of which the last ones repeat the first ones but for some noise."""
    pairs = simulated(n, d, seed=seed)
    rng = np.random.default_rng(seed + 1)
    noise = rng.normal(size=(2, copies, d)) / np.sqrt(d)
    return check_pairs(
        np.concatenate([pairs.video, pairs.video[:copies] + video * noise[0]]),
        np.concatenate([pairs.text, pairs.text[:copies] + text * noise[1]]),
    )


def test_copies_are_found_with_their_originals():
    clusters = near_copies(with_copies())
    assert copies_count(clusters) == 24
    assert clusters.max() + 1 == 60
    assert (clusters[60:] == clusters[:12]).all()


@pytest.mark.parametrize("far", ["video", "text"])
def test_half_a_copy_is_none(far):
    assert copies_count(near_copies(with_copies(**{far: 3.0}))) == 0


def test_different_videos_are_no_copies():
    assert copies_count(near_copies(simulated(300, 24))) == 0


def test_one_text_for_all_makes_no_copies():
    pairs = simulated(40, 24)
    assert copies_count(near_copies(Pairs(pairs.video, np.tile(pairs.text[:1], (40, 1))))) == 0


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_blocks_change_nothing(rows, monkeypatch):
    pairs = with_copies()
    whole = near_copies(pairs)
    monkeypatch.setattr("gap_assets.gap.metrics.copies.BLOCK_CELLS", rows * len(pairs))
    assert (near_copies(pairs) == whole).all()

"""Weighted sums over videos, against every pair of events written out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.gap.events.resampled import (
    cosine_with_others,
    draw_weights,
    gap_of,
    mean_of,
    part_of,
    resample,
)
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.resampling import bootstrap_weights
from gap_assets_tests.gap.events.conftest import simulated


def drawn_from(events, *, bootstraps=20, seed=1):
    return resample(events, np.ones(len(events), bool), bootstraps=bootstraps, seed=seed)


def spelled_out(drawn, replicate):
    """The events of a replicate with the copy of a video that each belongs to."""
    copies = []
    for video, times in enumerate(drawn.weights[replicate].astype(int)):
        own = drawn.events[drawn.video == video]
        copies += [((video, copy), own) for copy in range(times)]
    return copies


@pytest.mark.parametrize("replicate", [0, 1, 7])
def test_the_gap_is_that_of_all_pairs_of_events_of_different_videos(replicate):
    events = simulated(7)
    drawn = drawn_from(events)
    differences = (events.sentences - events.inside).astype(float)
    found = gap_of(drawn, drawn.sums(events.sentences) - drawn.sums(events.inside))
    # A video that is drawn twice is no pair with itself.
    products = [
        float(differences[i] @ differences[j])
        for (one, first), (other, second) in product(spelled_out(drawn, replicate), repeat=2)
        if one[0] != other[0]
        for i, j in product(first, second)
    ]
    assert found[replicate] == pytest.approx(np.sqrt(max(np.mean(products), 0)), abs=1e-5)


@pytest.mark.parametrize("replicate", [0, 3])
def test_other_videos_are_all_but_the_own(replicate):
    events = simulated(7)
    drawn = drawn_from(events)
    found = cosine_with_others(drawn, drawn.sums(events.sentences), events.whole[drawn.videos])
    cosines = [
        float(events.sentences[i] @ events.whole[drawn.videos[other[0]]])
        for (one, own), (other, _) in product(spelled_out(drawn, replicate), repeat=2)
        if one[0] != other[0]
        for i in own
    ]
    assert found[replicate] == pytest.approx(np.mean(cosines), abs=1e-5)


def test_with_one_event_a_video_the_gap_is_that_of_pairs():
    events = simulated(20, most=1)
    drawn = drawn_from(events)
    found = gap_of(drawn, drawn.sums(events.sentences) - drawn.sums(events.inside))
    weights = drawn.weights.astype(float)
    of_pairs = closed_form(
        events.inside.astype(float), events.sentences.astype(float), weights=weights
    )
    assert found == pytest.approx(of_pairs["centroid_gap_debiased"], abs=1e-5)


@given(st.integers(0, 1000))
def test_a_mean_is_over_the_events_of_the_drawn_videos(seed):
    events = simulated(6, seed=seed)
    drawn = drawn_from(events, bootstraps=3, seed=seed)
    values = np.random.default_rng(seed).normal(size=len(events))
    for replicate, found in enumerate(mean_of(drawn, values)):
        own = np.concatenate([own for _, own in spelled_out(drawn, replicate)])
        assert found == pytest.approx(values[own].mean())


@pytest.mark.parametrize("bootstraps", [0, 1, 128, 129, 300])
def test_weights_drawn_in_parts_are_those_drawn_at_once(bootstraps):
    parts = draw_weights(7, bootstraps=bootstraps, seed=3)
    assert np.array_equal(parts, bootstrap_weights(7, bootstraps=bootstraps, seed=3))


def test_a_part_keeps_the_draws_of_its_videos():
    events = simulated(9)
    drawn = drawn_from(events)
    members = events.video % 2 == 0
    part = part_of(drawn, events, members)
    assert part.videos.tolist() == [0, 2, 4, 6, 8]
    assert np.array_equal(part.weights, drawn.weights[:, ::2])
    assert part.events.tolist() == np.flatnonzero(members).tolist()


def test_sums_may_be_scaled_event_by_event():
    events = simulated(5)
    drawn = drawn_from(events)
    factors = np.arange(len(events), dtype=np.float32)
    expected = [
        (events.inside * factors[:, None])[events.video == video].sum(axis=0) for video in range(5)
    ]
    assert drawn.sums(events.inside, factors=factors) == pytest.approx(np.array(expected), rel=1e-5)

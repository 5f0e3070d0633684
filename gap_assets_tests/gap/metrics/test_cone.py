"""Cones and caps against their definitions, simulation, and known special cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.gap.metrics.cone import cone_with_interval, cones, half_angle, log10_cap_share
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.pairs import unit_rows


@given(st.integers(3, 30), st.integers(2, 20), st.integers(0, 99))
def test_a_cone_is_the_mean_cosine_of_different_items(n, dimension, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, dimension)) + 0.5
    value, low, high = cone_with_interval(rows, bootstraps=40, seed=0)
    unit = unit_rows(rows)
    cosines = (unit @ unit.T)[~np.eye(n, dtype=bool)]
    assert value == pytest.approx(cosines.mean(), abs=1e-9)
    assert (low is None) == (high is None) == (n < 8)
    assert low is None or high is None or low <= high


def test_replicates_are_those_of_the_other_cones():
    rng = np.random.default_rng(1)
    rows = unit_rows(rng.normal(size=(20, 8)) + 0.5)
    weights = rng.multinomial(20, np.full(20, 1 / 20), size=30).astype(float)
    theirs = closed_form(rows, rows, weights=weights)["cone_video"]
    np.testing.assert_allclose(cones(rows, weights=weights), theirs)


def test_too_few_and_equal_vectors_have_no_interval():
    value, *ends = cone_with_interval(np.ones((2, 4)), bootstraps=40, seed=0)
    assert math.isnan(value)
    assert ends == [None, None]
    value, *ends = cone_with_interval(np.ones((20, 4)), bootstraps=40, seed=0)
    assert value == pytest.approx(1)
    assert ends == [None, None]


def test_the_interval_covers_the_cone_of_the_population():
    """Of unit vectors around a mean direction; nominally 95 %."""
    covered = 0
    for seed in range(200):
        rows = np.random.default_rng(seed).normal(size=(60, 30)) + 0.3
        _, low, high = cone_with_interval(rows, bootstraps=200, seed=seed)
        covered += low <= POPULATION <= high
    assert covered / 200 > 0.88


def population() -> float:
    rows = unit_rows(np.random.default_rng(0).normal(size=(200_000, 30)) + 0.3)
    return float((np.square(rows.sum(axis=0)).sum() - len(rows)) / len(rows) / (len(rows) - 1))


POPULATION = population()


@given(st.integers(2, 12), st.floats(0.3, math.pi / 2))
def test_a_caps_share_is_that_of_random_directions(dimension, angle):
    rows = unit_rows(np.random.default_rng(dimension).normal(size=(40_000, dimension)))
    within = float((rows[:, 0] >= math.cos(angle)).mean())
    share = 10 ** log10_cap_share(angle, dimension)
    assert within == pytest.approx(share, abs=5 * math.sqrt(share / len(rows)) + 1e-4)


@given(st.floats(0.01, math.pi / 2))
def test_a_cap_of_the_usual_sphere_is_archimedes(angle):
    assert 10 ** log10_cap_share(angle, 3) == pytest.approx((1 - math.cos(angle)) / 2, rel=1e-6)
    assert 10 ** log10_cap_share(angle, 2) == pytest.approx(angle / math.pi, rel=1e-6)


def test_half_of_the_sphere_is_half_in_any_dimension():
    for dimension in (2, 3, 96, 768):
        assert 10 ** log10_cap_share(math.pi / 2, dimension) == pytest.approx(0.5)


@given(st.floats(0.05, 1.5), st.integers(2, 2000))
def test_a_cap_of_one_angle_covers_less_in_each_further_dimension(angle, dimension):
    assert log10_cap_share(angle, dimension + 1) < log10_cap_share(angle, dimension)


def test_what_no_float_holds_goes_on_smoothly():
    logs = np.array([log10_cap_share(0.3, d) for d in range(300, 1200)])
    assert logs.min() < -400
    steps = np.diff(logs)
    assert np.abs(np.diff(steps)).max() < 1e-4


@given(st.floats(-1, 1))
def test_a_half_angle_gives_its_cone_back(cone):
    assert math.cos(half_angle(cone)) ** 2 == pytest.approx(max(cone, 0), abs=1e-9)

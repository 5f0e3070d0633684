"""What must hold for any data: identities, invariances, known limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group, vonmises_fisher

from gap_assets.gap import Pairs, scorecard
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.resampling import (
    LEAST_UNITS,
    bootstrap_weights,
    interval,
    sign_flip_test,
    split_half_gaps,
)
from gap_assets.gap.pairs import unit_rows
from gap_assets.gap.scorecard import AT_MOST_1, as_json
from gap_assets_tests.gap.conftest import simulated

RANDOM_SPLITS = {  # depend on which rows a seeded split picks, or on the coordinate axes
    "d_prime_gap",
    "linear_probe_accuracy",
    "linear_probe_auc",
    "split_half_gap_video",
    "split_half_gap_text",
    "sign_flip_null_gap",
    "knn_same_modality_p_value",
    "cluster_ari",
    "cluster_v_measure",
    "gap_dimensions_50",
    "gap_dimensions_90",
}
UNPAIRED = (
    "centroid_gap",
    "cone_video",
    "cone_text",
    "frechet_distance",
    "knn_same_modality",
    "isoscore_video",
    "uniformity_text",
)
PAIRED = ("paired_cosine", "mismatched_cosine", "rmg", "alignment", "recall_at_1_video_to_text")


def values(pairs: Pairs, **options):
    rows = scorecard(pairs.video, pairs.text, **({"bootstraps": 0, "permutations": 9} | options))
    return {row.name: row.value for row in rows}


def family(pairs: Pairs, weights=None):
    weights = np.ones((1, len(pairs))) if weights is None else weights
    return closed_form(pairs.video, pairs.text, weights=weights)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 40), d=st.integers(2, 30), gap=st.floats(0, 3), seed=st.integers(0, 10**6))
def test_gap_and_cones_are_one_identity(n, d, gap, seed):
    pairs = simulated(n, d, gap=gap, seed=seed)
    found = {name: value[0] for name, value in family(pairs).items()}
    differences = pairs.video - pairs.text
    brute = (np.sum(differences @ differences.T) - np.sum(differences**2)) / (n * (n - 1))
    identity = found["cone_video"] + found["cone_text"] - 2 * found["mismatched_cosine"]
    assert identity == pytest.approx(brute, abs=1e-9)
    assert found["centroid_gap_debiased"] ** 2 == pytest.approx(max(brute, 0), abs=1e-9)
    biased = found["centroid_gap"] ** 2
    assert (n * biased - found["alignment"]) / (n - 1) == pytest.approx(brute, abs=1e-9)


def test_bootstrap_weights_equal_resampled_rows_without_self_pairs(pairs):
    """A weighted replicate is the U-statistic over the drawn rows, same-video pairs left out."""
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, len(pairs), len(pairs))
    weights = np.bincount(drawn, minlength=len(pairs))[None, :].astype(float)
    x, y = pairs.video[drawn], pairs.text[drawn]
    different = drawn[:, None] != drawn[None, :]
    found = {name: value[0] for name, value in family(pairs, weights).items()}
    # sum w^2 counts ordered pairs of draws of one video, the diagonal included.
    assert found["cone_video"] == pytest.approx((x @ x.T)[different].mean())
    assert found["mismatched_cosine"] == pytest.approx((x @ y.T)[different].mean())
    assert found["centroid_gap"] == pytest.approx(np.linalg.norm(x.mean(0) - y.mean(0)))
    assert found["paired_cosine"] == pytest.approx(np.mean(np.sum(x * y, axis=1)))


def test_identical_modalities_have_no_gap(pairs):
    same = Pairs(pairs.video, pairs.video)
    found = values(same)
    assert found["centroid_gap"] == found["rmg"] == found["alignment"] == 0
    assert found["paired_cosine"] == pytest.approx(1)
    assert found["knn_same_modality"] < 0.6
    assert "d_prime_gap" not in found or abs(found["d_prime_gap"]) < 1e-6
    assert found["frechet_distance"] == pytest.approx(0, abs=1e-7)


def test_opposite_modalities_are_two_resultants_apart(pairs):
    found = values(Pairs(pairs.video, -pairs.video))
    assert found["centroid_gap"] == pytest.approx(2 * np.linalg.norm(pairs.video.mean(axis=0)))


def test_rotation_changes_nothing(pairs):
    turn = ortho_group.rvs(pairs.video.shape[1], random_state=1)
    before, after = values(pairs), values(Pairs(pairs.video @ turn, pairs.text @ turn))
    assert before.keys() == after.keys()
    for name in before.keys() - RANDOM_SPLITS:
        assert after[name] == pytest.approx(before[name], rel=1e-4, abs=1e-6), name


def test_who_is_paired_with_whom_matters_only_where_it_should(pairs):
    order = np.random.default_rng(3).permutation(len(pairs))
    before, after = values(pairs), values(Pairs(pairs.video, pairs.text[order]))
    for name in UNPAIRED:
        assert after[name] == pytest.approx(before[name], rel=1e-6), name
    for name in PAIRED:
        assert after[name] != pytest.approx(before[name], rel=1e-3), name


def test_mmd_of_pairs_from_one_distribution_is_centred_on_nothing():
    found = [values(simulated(24, 32, gap=0.0, seed=seed))["mmd2"] for seed in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_another_sample_of_a_modality_is_as_far_as_the_split_halves_say():
    rng = np.random.default_rng(0)
    found = [
        values(Pairs(*(unit_rows(rng.normal(size=(40, 64))) for _ in range(2)))) for _ in range(30)
    ]
    gap, halves = (
        np.mean([each[name] for each in found]) for name in ("centroid_gap", "split_half_gap_video")
    )
    assert halves == pytest.approx(gap, rel=0.03)


def test_exchanging_the_modalities_exchanges_the_names(pairs):
    before, after = values(pairs), values(Pairs(pairs.text, pairs.video))
    other = {"video": "text", "text": "video"}
    for name in before.keys() - RANDOM_SPLITS:
        words = name.split("_")
        twin = "_".join(other.get(word, word) for word in words)
        assert after[twin] == pytest.approx(before[name], rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("block_rows", [1, 7, 59, 1000])
def test_block_size_changes_nothing(pairs, block_rows, monkeypatch):
    whole = values(pairs)
    monkeypatch.setattr("gap_assets.gap.metrics.pairwise.BLOCK_CELLS", block_rows * len(pairs))
    blocked = values(pairs)
    for name, value in whole.items():
        assert blocked[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("kappa", [5.0, 40.0])
def test_cone_recovers_the_resultant_of_von_mises_fisher(kappa):
    d, n = 16, 4000
    mean = np.eye(d)[0]
    rows = vonmises_fisher(mean, kappa).rvs(n, random_state=5)
    from scipy.special import ive

    resultant = ive(d / 2, kappa) / ive(d / 2 - 1, kappa)
    cone = family(Pairs(rows, rows))["cone_video"][0]
    assert np.sqrt(cone) == pytest.approx(resultant, abs=0.01)


def test_debiased_gap_is_centred_where_the_plain_one_is_not():
    """Many small samples of one and the same cloud: the plain gap is large, the debiased is not."""
    found = [family(simulated(8, 64, gap=0.0, noise=3, seed=seed)) for seed in range(60)]
    plain = np.mean([f["centroid_gap"][0] ** 2 for f in found])
    signed = np.mean(
        [f["cone_video"][0] + f["cone_text"][0] - 2 * f["mismatched_cosine"][0] for f in found]
    )
    assert plain > 0.15
    assert abs(signed) < 0.01


def test_sign_flip_test_finds_a_gap_and_finds_none():
    found = sign_flip_test(simulated(gap=0.8), permutations=199, seed=0)
    assert found.p_value == 1 / 200
    assert found.null.mean() == pytest.approx(
        np.sqrt(family(simulated(gap=0.8))["alignment"][0] / 60), rel=0.1
    )
    none = [
        sign_flip_test(simulated(gap=0, seed=seed), permutations=199, seed=seed).p_value
        for seed in range(40)
    ]
    assert 0.3 < np.mean(none) < 0.7


def test_split_half_gaps_have_their_known_level(pairs):
    gaps = split_half_gaps(pairs.video, repeats=300, seed=0)
    trace = np.trace(np.cov(pairs.video.T))
    assert np.sqrt(np.mean(gaps**2)) == pytest.approx(np.sqrt(4 * trace / len(pairs)), rel=0.05)


def test_intervals_cover_the_truth():
    truth = family(simulated(20000, 12, seed=99))["cone_video"][0]
    covered = 0
    for seed in range(60):
        sample = simulated(80, 12, seed=seed)
        weights = bootstrap_weights(80, bootstraps=200, seed=seed)
        value, *replicates = family(sample, weights)["cone_video"]
        low, high = interval(value, np.array(replicates), units=80)
        covered += low <= truth <= high
    assert 51 <= covered <= 60


def test_everything_is_seeded_and_json_holds_it(pairs):
    first = scorecard(pairs.video, pairs.text, bootstraps=50, permutations=50)
    assert first == scorecard(pairs.video, pairs.text, bootstraps=50, permutations=50)
    gap = as_json(first)["centroid_gap_debiased"]
    assert gap["ci_low"] < gap["value"] < gap["ci_high"]


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 30),
    d=st.integers(3, 12),
    gap=st.floats(0, 4),
    copies=st.integers(0, 3),
    seed=st.integers(0, 10**6),
)
def test_every_interval_contains_its_value(n, d, gap, copies, seed):
    pairs = simulated(n, d, gap=gap, seed=seed)
    rows = np.concatenate([np.arange(n), np.arange(copies)])
    found = scorecard(pairs.video[rows], pairs.text[rows], bootstraps=60, permutations=19)
    bounded = [row for row in found if row.ci_low is not None]
    [units] = [row.value for row in found if row.name == "independent_videos"]
    assert bool(bounded) == (units >= LEAST_UNITS)  # Of few rows at random some are near-copies.
    for row in bounded:
        assert row.ci_low <= row.value <= row.ci_high, row
        assert row.ci_high <= 1 or row.name not in AT_MOST_1, row


@settings(max_examples=25, deadline=None)
@given(n=st.integers(3, 20), seed=st.integers(0, 10**6))
def test_a_video_that_is_there_twice_counts_once(n, seed):
    pairs = simulated(n, 8, gap=0.5, seed=seed)
    clusters = np.tile(np.arange(n), 2)
    twice = (np.concatenate([rows, rows]) for rows in (pairs.video, pairs.text))
    weights = bootstrap_weights(n, bootstraps=5, seed=seed)
    once, again = (
        closed_form(pairs.video, pairs.text, weights=weights),
        closed_form(*twice, weights=weights, clusters=clusters),
    )
    for name, known in once.items():
        assert again[name] == pytest.approx(known, nan_ok=True, abs=1e-6), name

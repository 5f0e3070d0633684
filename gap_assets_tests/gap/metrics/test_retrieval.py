"""Ranks, neighbours and swapped labels, against counting by hand; ties above all."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from gap_assets.gap import Pairs, scorecard
from gap_assets.gap.metrics.mixed_gallery import mixed_gallery
from gap_assets.gap.metrics.pairwise import compare_all
from gap_assets.gap.metrics.resampling import sign_flip_test
from gap_assets.gap.metrics.retrieval import recall_at, reciprocal_rank, swap_test
from gap_assets_tests.gap.conftest import simulated


@pytest.mark.parametrize(("closer", "tied"), [(0, 0), (0, 3), (2, 4), (9, 1), (40, 2)])
def test_ties_are_broken_at_random_in_expectation(closer, tied):
    places = np.arange(closer + 1, closer + tied + 2)  # equally likely ranks of the partner
    one = np.array([closer]), np.array([tied])
    for k in (1, 5, 10):
        assert recall_at(k, *one)[0] == pytest.approx((places <= k).mean())
    assert reciprocal_rank(*one)[0] == pytest.approx((1 / places).mean())


def test_copies_share_their_hits():
    """Four videos of one and the same text: each is found first in one case of four."""
    pairs = simulated(40, 64, noise=0.05)
    text = pairs.text.copy()
    text[1:4] = text[0]
    found = {row.name: row.value for row in scorecard(pairs.video, text, bootstraps=0)}
    assert found["recall_at_1_video_to_text"] == pytest.approx(37 / 40, abs=0.02)
    assert found["duplicate_share_text"] == pytest.approx(3 / 40)


def test_neighbours_among_equals_are_of_either_modality():
    """All rows are the same: of 2N - 1 others N - 1 are of the own modality."""
    rows = np.tile(np.eye(8)[:1], (60, 1))
    neighbours = compare_all(Pairs(rows, rows)).nearest_of_all()
    assert neighbours.share() == pytest.approx(59 / 119, abs=0.03)


def test_swapped_labels_by_counting():
    pairs = simulated(30, 8, gap=0.5, noise=0.3, seed=2)
    neighbours = compare_all(pairs).nearest_of_all()
    test = swap_test(neighbours, permutations=400, seed=0)
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(400):
        swap = rng.random(30) < 0.5
        video = np.where(swap[:, None], pairs.text, pairs.video)
        text = np.where(swap[:, None], pairs.video, pairs.text)
        shares.append(compare_all(Pairs(video, text)).nearest_of_all().share())
    assert test.mean == pytest.approx(np.mean(shares), abs=0.003)
    assert np.std(test.null) == pytest.approx(np.std(shares), rel=0.15)
    assert test.mean == pytest.approx(neighbours.swapped_share())
    assert test.p_value == pytest.approx(1 / 401)
    assert test.mean < 29 / 59  # partners are close, and never of the own modality


def test_swaps_without_a_gap_find_nothing():
    found = [
        swap_test(
            compare_all(simulated(40, 8, gap=0.0, seed=seed)).nearest_of_all(),
            permutations=99,
            seed=seed,
        ).p_value
        for seed in range(30)
    ]
    assert 0.3 < np.mean(found) < 0.7


@pytest.mark.parametrize("n", [3, 5, 8])
def test_all_flips_of_few_pairs(n):
    test = sign_flip_test(simulated(n, 8, gap=8.0), permutations=99, seed=0)
    assert len(test.null) == 2 ** (n - 1)
    assert test.p_value == 2 ** (1 - n)


def test_mutual_neighbours_by_counting():
    pairs = simulated(50, 12, gap=2.0, seed=3)
    near = [
        NearestNeighbors(n_neighbors=11).fit(rows).kneighbors(return_distance=False)[:, :10]
        for rows in (pairs.video, pairs.text)
    ]
    shared = np.mean([len({*a} & {*b}) / 10 for a, b in zip(*near, strict=True)])
    found = {row.name: row.value for row in scorecard(pairs.video, pairs.text, bootstraps=0)}
    assert found["mutual_knn"] == pytest.approx(shared, abs=0.01)
    assert found["mutual_knn_chance"] == pytest.approx(10 / 49)


def test_a_gap_costs_most_in_an_evenly_mixed_gallery():
    pairs = simulated(300, 32, gap=1.0, noise=0.6, seed=0)
    rng = np.random.default_rng(0)
    other = pairs.text + 0.04 * rng.normal(size=pairs.text.shape)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    found = mixed_gallery(pairs.text, pairs.video, other, seed=0)
    assert found["mixed_ndcg_at_10_0"] == pytest.approx(1, abs=0.02)
    assert found["mixed_ndcg_at_10_0.5"] < found["mixed_ndcg_at_10_1"]
    assert found["mixed_ndcg_at_10_centred_0.5"] > found["mixed_ndcg_at_10_0.5"] + 0.1
    assert mixed_gallery(*[pairs.text[:7]] * 3, seed=0) == {}

"""Shifts, centring, dropped dimensions and the contrastive loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from torch.nn import functional

from gap_assets.gap import Pairs, check_pairs
from gap_assets.gap.metrics.interventions import (
    contrastive_losses,
    intervene,
    loss_landscape,
    shifted,
)
from gap_assets.gap.metrics.pairwise import compare_all
from gap_assets.gap.metrics.retrieval import recall_at
from gap_assets.gap.metrics.separability import halves
from gap_assets_tests.gap.conftest import simulated


def test_loss_is_torchs_cross_entropy():
    pairs = simulated(120, 16)  # the last 20 make no whole batch
    expected = []
    for start in (0, 50):
        x = torch.from_numpy(pairs.video[start : start + 50])
        y = torch.from_numpy(pairs.text[start : start + 50])
        logits, target = 20 * x @ y.T, torch.arange(50)
        both = functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
        expected.append(both.item() / 2)
    assert contrastive_losses(pairs, [20.0])[0] == pytest.approx(np.mean(expected))


def test_shift_of_one_half_brings_the_centroids_together():
    pairs = simulated(200, 16, gap=1.5)
    gap = pairs.video.mean(axis=0) - pairs.text.mean(axis=0)
    half = shifted(pairs, 0.5, gap)
    left = np.linalg.norm((half.video - half.text).mean(axis=0))
    assert left < 0.1 * np.linalg.norm(gap)
    landscape = loss_landscape(pairs)
    assert landscape.gaps[0] > landscape.gaps[-1]
    assert landscape.gaps[-1] < 0
    assert landscape.best_shifts()[-1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("n", [8, 16])
def test_what_leaves_nothing_of_the_texts_is_left_out(n):
    pairs = simulated(n, 16)
    same = check_pairs(pairs.video, np.tile(pairs.text[:1], (n, 1)))
    assert {outcome.kind for outcome in intervene(same)} == {"shift", "procrustes", "dropping"}


def test_ties_are_broken_as_in_the_scorecard():
    pairs = simulated(40, 16, noise=0.05)
    twice = check_pairs(pairs.video, np.repeat(pairs.text[::2], 2, axis=0))
    _, judge = halves(40, seed=0)
    passes = compare_all(twice.take(judge))
    hits = [recall_at(1, way.closer, way.tied).mean() for way in passes.directions.values()]
    assert intervene(twice)[0].recall_at_1 == pytest.approx(np.mean(hits))


def test_centring_removes_the_gap_of_held_out_videos():
    outcomes = {
        (outcome.kind, outcome.amount): outcome
        for outcome in intervene(simulated(400, 16, gap=1.5))
    }
    before, centred = outcomes["shift", 0.0], outcomes["centring", 1]
    assert before.n == 200
    assert before.centroid_gap_debiased > 0.5
    assert centred.centroid_gap_debiased < 0.1
    assert centred.knn_same_modality < before.knn_same_modality
    dropped = outcomes["dropping", 1]
    assert dropped.centroid_gap_debiased < 0.3 * before.centroid_gap_debiased


def test_nothing_of_the_judged_half_leaks():
    """With labels flipped at random there is no gap, and held-out means must not invent one."""
    pairs = simulated(300, 16, gap=0.0)
    flip = np.random.default_rng(0).random(300) < 0.5
    video = np.where(flip[:, None], pairs.text, pairs.video)
    text = np.where(flip[:, None], pairs.video, pairs.text)
    for outcome in intervene(Pairs(video, text)):
        assert outcome.knn_same_modality == pytest.approx(0.5, abs=0.08)


def test_a_rotation_of_the_texts_is_found_and_turned_back():
    pairs = simulated(400, 8, gap=0.0, noise=0.2)
    turn = ortho_group.rvs(8, random_state=2)
    outcomes = {
        outcome.kind: outcome for outcome in intervene(Pairs(pairs.video, pairs.text @ turn))
    }
    assert outcomes["procrustes"].recall_at_1 > 0.8 > 0.1 > outcomes["centring"].recall_at_1


def test_a_best_gap_at_the_edge_says_so():
    landscape = loss_landscape(simulated(60, 16, gap=0.1, noise=0.2))
    low, high = landscape.flat()
    assert low <= landscape.best_gap() <= high
    ends = replace(landscape, losses=landscape.gaps[None].max() - landscape.gaps[None])
    assert ends.at_edge()


def test_too_few_pairs_have_no_halves():
    assert intervene(simulated(7, 8)) == []

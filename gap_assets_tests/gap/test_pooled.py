"""Pooling and detail, on embeddings whose truth is known; and the section that says so."""

import numpy as np
import pytest

from gap_assets.gap.pooled import DETAIL, GRID, detail_rows, grid_rows
from gap_assets.gap.reporting.pooled import change, section
from gap_assets_tests.gap.conftest import simulated

OPTIONS = {"bootstraps": 50, "seed": 0}


def corpus(n=60, frames=8, d=16, *, noise=1.5, seed=0):
    rng = np.random.default_rng(seed)
    pairs = simulated(n, d, gap=1.0, seed=seed)
    found = []
    for rows in (pairs.video, pairs.text):
        each = rows[:, None] + noise * rng.normal(size=(n, frames, d)) / np.sqrt(d)
        found.append(each / np.linalg.norm(each, axis=2, keepdims=True))
    return found


@pytest.fixture(scope="module")
def grid():
    return list(grid_rows(*corpus(), **OPTIONS))


def value(rows, metric, frames, texts, unit):
    [row] = [
        r for r in rows if (r.metric, r.frames, r.texts, r.unit) == (metric, frames, texts, unit)
    ]
    return row.value


def test_pooling_moves_the_gap_only_by_the_unit_length(grid):
    raw = [value(grid, "centroid_gap_debiased", k, k, False) for k in (1, 2, 4, 8)]
    unit = [value(grid, "centroid_gap_debiased", k, k, True) for k in (1, 2, 4, 8)]
    assert max(raw) - min(raw) < 0.1
    assert unit[0] == pytest.approx(raw[0])
    assert unit[-1] > raw[-1] + 0.05
    assert len(grid) == 4 * 4 * 2 * 4


def test_fewer_frames_than_levels_give_fewer_rows():
    frames, captions = corpus(frames=3)
    assert {row.frames for row in grid_rows(frames, captions, **OPTIONS)} == {1, 2}


def test_texts_that_say_more_are_told_apart():
    pairs = simulated(60, 16, gap=1.0)
    closer = 0.7 * pairs.text + 0.3 * pairs.video
    rows = list(detail_rows(pairs.video, {1: pairs.text, 2: closer}, frames=8, **OPTIONS))
    gaps = [row for row in rows if row.metric == "centroid_gap_debiased"]
    assert [row.texts for row in gaps] == [1, 2]
    assert gaps[1].value < gaps[0].value
    assert change(*gaps) == "smaller"
    assert change(gaps[0], gaps[0]) == "no certain change, for the intervals meet"
    ranks = [row for row in rows if row.metric == "effective_rank_text"]
    assert all(1 <= row.value <= 16 and row.ci_low is None for row in ranks)
    assert {row.study for row in rows} == {DETAIL}


def test_the_section_says_what_the_rows_say(grid):
    pairs = simulated(60, 16, gap=1.0)
    detail = list(detail_rows(pairs.video, {1: pairs.text, 2: pairs.text}, frames=8, **OPTIONS))
    found = section([*grid, *detail])
    text = " ".join(found["sentences"])
    assert "(60 videos)" in text
    assert "no certain change" in text
    assert [exhibit["key"] for exhibit in found["exhibits"]] == ["grid", "detail"]
    assert len(found["exhibits"][0]["panels"]) == 4
    assert {row.study for row in grid} == {GRID}
    assert section([]) is None

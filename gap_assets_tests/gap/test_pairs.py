"""Bad input gets one clear sentence, remarkable input a warning, tiny input what it can give."""

import json

import numpy as np
import pytest

from gap_assets.gap import (
    GapInputError,
    as_json,
    check_pairs,
    scorecard,
)
from gap_assets_tests.gap.conftest import simulated


def spoilt(value, row=2):
    rows = np.random.default_rng(0).normal(size=(6, 4))
    rows[row] = value
    return rows


GOOD = np.random.default_rng(1).normal(size=(6, 4))


@pytest.mark.parametrize(
    ("video", "text", "said"),
    [
        (spoilt(np.nan), GOOD, "video has NaN or infinite values in 1 of 6 rows (first: row 2)"),
        (GOOD, spoilt(np.inf), "text has NaN or infinite values"),
        (GOOD, spoilt(0.0), "text has 1 rows of zeros (first: row 2)"),
        (GOOD, GOOD[:5], "6 video rows and 5 text rows"),
        (GOOD, np.ones((6, 3)), "4 dimensions and text rows 3"),
        (GOOD[:2], GOOD[:2], "at least 3"),
        (GOOD[0], GOOD[0], "shape (4,)"),
        (GOOD.astype(int), GOOD, "int64"),
        ([[1, 2], [3]], GOOD, "video rows have different lengths"),
    ],
)
def test_each_fault_has_its_sentence(video, text, said):
    with pytest.raises(GapInputError) as error:
        check_pairs(video, text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_duplicates_and_constant_modalities_are_flagged():
    repeated = np.concatenate([GOOD, GOOD[:1]])
    pairs = check_pairs(repeated, np.random.default_rng(2).normal(size=(7, 4)))
    assert any("14.3% of the video embeddings repeat" in remark for remark in pairs.warnings)
    constant = check_pairs(GOOD, np.tile(GOOD[:1], (6, 1)))
    assert any("All text embeddings are the same" in remark for remark in constant.warnings)
    assert check_pairs(GOOD, GOOD).warnings == ()


def test_a_constant_modality_yields_no_made_up_numbers():
    rows = scorecard(GOOD, np.tile(GOOD[:1], (6, 1)), bootstraps=50, permutations=50)
    found = {row.name: row.value for row in rows}
    assert found["cone_text"] == pytest.approx(1)
    assert not {"isoscore_text", "participation_ratio_text"} & found.keys()
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("n", [3, 4, 5, 7, 8, 11, 24])
def test_few_pairs_give_what_they_can(n):
    pairs = simulated(n, 32)
    rows = scorecard(pairs.video, pairs.text, bootstraps=100, permutations=50)
    found = {row.name: row for row in rows}
    assert np.isfinite([row.value for row in rows]).all()
    assert ("recall_at_5_video_to_text" in found) == (n > 5)
    assert ("recall_at_10_video_to_text" in found) == (n > 10)
    assert ("linear_probe_accuracy" in found) == ("d_prime_gap" in found) == (n >= 8)
    assert all(row.ci_low <= row.ci_high for row in rows if row.ci_low is not None)
    json.dumps(as_json(rows), allow_nan=False)

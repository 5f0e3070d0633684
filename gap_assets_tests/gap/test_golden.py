"""The paper's own features give the values that are known for them, to the printed digits."""

import numpy as np
import pytest

from gap_assets.gap import check_pairs, scorecard
from gap_assets.gap.metrics.interventions import SHIFTS, UNSHIFTED, loss_landscape
from gap_assets.gap.metrics.pairwise import compare_all

pytestmark = pytest.mark.shared

GOLDEN = {
    "clip": {
        "centroid_gap": ".8514",
        "centroid_gap_debiased": ".8506",
        "cone_video": ".5315",
        "cone_text": ".5152",
        "paired_cosine": ".3099",
        "mismatched_cosine": ".1616",
        "rmg": ".5915",
        "mean_share": ".5242",
        "mutual_knn": ".249",
        "uniformity_video": "-1.7945",
        "uniformity_text": "-1.8409",
        "uniformity_cross": "-3.3343",
        "recall_at_1_video_to_text": ".552",
        "recall_at_1_text_to_video": ".506",
        "knn_same_modality": "1.000",
        "frechet_distance": "1.1052",
        "frechet_mean_part": ".7248",
        "frechet_shape_part": ".3804",
        "participation_ratio_video": "42.7",
        "participation_ratio_text": "41.7",
        "isoscore_video": ".0816",
        "isoscore_text": ".0797",
        "gap_dimensions_50": "2",
        "gap_dimensions_90": "58",
        "gap_variation": ".092",
        "gap_consistency": ".725",
        "gap_variance_share_video": ".005",
        "sign_flip_null_gap": ".0501",
    },
    "clip_random": {
        "centroid_gap": "1.1361",
        "centroid_gap_debiased": "1.1355",
        "cone_video": ".6814",
        "cone_text": ".6635",
        "paired_cosine": ".0285",
        "mismatched_cosine": ".0278",
        "rmg": ".7478",
        "mean_share": ".6636",
        "uniformity_video": "-.9099",
        "uniformity_text": "-1.3080",
        "uniformity_cross": "-3.8831",
        "recall_at_1_video_to_text": ".002",
        "recall_at_1_text_to_video": ".002",
        "knn_same_modality": "1.000",
        "frechet_distance": "1.8485",
        "participation_ratio_video": "2.2",
        "participation_ratio_text": "48.4",
        "isoscore_video": ".0023",
        "isoscore_text": ".0928",
        "gap_dimensions_50": "70",
        "gap_dimensions_90": "236",
        "sign_flip_null_gap": ".0574",
    },
}
GAP_INTERVAL = {"clip": (0.844, 0.858), "clip_random": (1.128, 1.143)}
RANDOM_DRAW = {"sign_flip_null_gap": 2e-4}  # an average over random flips, known to its own noise


def test_scorecard_reproduces_the_known_values(paper_features):
    name, video, text = paper_features
    found = {metric.name: metric for metric in scorecard(video, text)}
    wrong = {}
    for metric, printed in GOLDEN[name].items():
        digits = len(printed.partition(".")[2])
        tolerance = RANDOM_DRAW.get(metric, 0.5 * 10**-digits + 1e-9)
        if abs(found[metric].value - float(printed)) > tolerance:
            wrong[metric] = (found[metric].value, printed)
    assert not wrong
    gap = found["centroid_gap_debiased"]
    assert (gap.ci_low, gap.ci_high) == pytest.approx(GAP_INTERVAL[name], abs=1e-3)
    assert found["centroid_gap"].ci_low is None
    level = np.sqrt(found["alignment"].value / len(video))
    assert level == pytest.approx({"clip": 0.0525, "clip_random": 0.0623}[name], abs=5e-5)
    assert found["sign_flip_p_value"].value == 1 / 1000


def test_loss_landscape_of_the_paper(paper_features):
    name, video, text = paper_features
    if name != "clip":
        pytest.skip("the paper's figure 3 is about the trained network")
    landscape = loss_landscape(check_pairs(video, text))
    assert landscape.best_shifts() == pytest.approx([0, 0.10, 0.25, 0.40, 0.50])
    assert landscape.losses[0, UNSHIFTED] == pytest.approx(0.5660, abs=5e-5)
    at = dict(zip(SHIFTS.round(2), landscape.gaps, strict=True))
    known = {0.1: 0.705, 0.2: 0.545, 0.3: 0.372, 0.4: 0.190, 0.5: 0.008}
    assert [at[shift] for shift in known] == pytest.approx(list(known.values()), abs=1e-3)


def test_neighbours_while_the_gap_closes(paper_features):
    """Mixing barely changes while most of the gap goes (research table, row by row)."""
    from gap_assets.gap.metrics.interventions import shifted

    name, video, text = paper_features
    if name != "clip":
        pytest.skip("known for the trained network")
    pairs = check_pairs(video, text)
    gap = (pairs.video - pairs.text).mean(axis=0)
    for amount, share, recall in ((0.0, 1.000, 0.552), (0.3, 0.991, 0.464), (0.5, 0.932, 0.358)):
        passes = compare_all(shifted(pairs, amount, gap))
        assert passes.nearest_of_all().share() == pytest.approx(share, abs=6e-4)
        assert (passes.video_to_text.closer == 0).mean() == pytest.approx(recall)

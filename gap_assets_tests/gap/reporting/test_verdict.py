"""The three outcomes, by intervals against the smallest effects of interest."""

from dataclasses import replace

import numpy as np
import pytest

from gap_assets.gap.metric_rows import MetricPlan, MetricRow, SourceVectors, metric_rows
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets.gap.reporting.verdict import gap_outcome, verdict
from gap_assets_tests.gap.conftest import simulated

PLAN = MetricPlan(encoder="coca", bootstraps=200, permutations=199)
STRENGTH = {"undetermined": 0, "smaller": 1, "present": 1}


def measured(n, *, gap, d=16, noise=0.5, plan=PLAN, seed=0):
    pairs = simulated(n, d, gap=gap, noise=noise, seed=seed)
    data = SourceVectors(videos={"mean": pairs.video}, texts={"summary": pairs.text})
    return Numbers(list(metric_rows(data, plan)), plan)


def told(*, gap=(0.5, 0.4, 0.6), video=(0.5, 0.4, 0.6), text=(0.5, 0.4, 0.6), p=0.001, n=100):
    values = {"centroid_gap_debiased": gap, "cone_video": video, "cone_text": text}
    rows = [MetricRow("coca", "mean", "summary", name, *known, n) for name, known in values.items()]
    singles = {"sign_flip_p_value": p, "independent_videos": n, "sign_flip_null_gap": 0.05}
    rows += [
        MetricRow("coca", "mean", "summary", name, value, None, None, n)
        for name, value in singles.items()
    ]
    return Numbers(rows, PLAN)


@pytest.mark.parametrize(
    ("known", "outcome", "said"),
    [
        ((0.5, 0.4, 0.6), "present", "The modality gap exists here: 0.500 [0.400, 0.600]"),
        ((0.004, 0.003, 0.005), "smaller", "no modality gap of interest here"),
        ((0.004, 0.003, 0.005), "smaller", "though not at 0"),
        ((0.05, 0.0, 0.12), "undetermined", "lies on both sides of 0.1"),
        ((0.12, 0.08, 0.2), "undetermined", "There is some gap: how large it is takes more"),
        ((0.9, None, None), "undetermined", "an interval needs 4"),
    ],
)
def test_the_gap_against_the_smallest_of_interest(known, outcome, said):
    found = verdict(told(gap=known))
    assert found.outcomes["gap"] == outcome
    assert said in found.sentences[0]


def test_flipped_labels_that_reach_the_gap_leave_it_undetermined():
    found = verdict(told(p=0.2))
    assert found.outcomes["gap"] == "undetermined"
    assert "p = 0.200" in found.text
    few = verdict(told(p=1 / 16, n=5))
    assert "5 videos cannot do better than 0.062" in few.text


@pytest.mark.parametrize(
    ("video", "text", "said"),
    [
        ((0.5, 0.4, 0.6), (0.5, 0.4, 0.6), "So does the cone effect"),
        ((0.05, 0.0, 0.09), (0.02, 0.0, 0.04), "There is no cone of interest"),
        ((0.1, 0.0, 0.2), (0.1, 0.0, 0.2), "The cone effect is undetermined"),
        ((0.5, 0.4, 0.6), (0.1, 0.0, 0.2), "exists for videos (0.500 [0.400, 0.600]) and is und"),
    ],
)
def test_the_cones_against_the_smallest_of_interest(video, text, said):
    assert said in verdict(told(video=video, text=text)).text


def test_nothing_is_said_without_numbers():
    found = verdict(Numbers([], PLAN))
    assert found.outcomes == {}
    assert "no metrics" in found.text


def test_what_was_simulated_is_found():
    assert gap_outcome(measured(60, gap=0.8)) == "present"
    assert gap_outcome(measured(2000, gap=0.0)) == "smaller"
    assert gap_outcome(measured(12, gap=0.05, noise=1.0)) == "undetermined"


@pytest.mark.parametrize("gap", [0.0, 0.1, 8.0])
def test_few_videos_are_never_more_certain_than_many(gap):
    strengths = {n: STRENGTH[gap_outcome(measured(n, gap=gap))] for n in (3, 4, 5, 6, 12, 100)}
    assert strengths[3] == strengths[4] == strengths[5] == 0
    for n in (6, 12):
        assert strengths[n] <= strengths[100] or gap == 0.1


def test_another_smallest_gap_gives_another_verdict():
    numbers = measured(200, gap=0.3)
    assert gap_outcome(numbers) == "present"
    strict = Numbers(numbers.rows, replace(PLAN, smallest_gap=1.5))
    assert gap_outcome(strict) == "smaller"
    assert "below 1.5" in verdict(strict).text
    assert np.isfinite(numbers.value("centroid_gap_debiased"))

"""The section on other encoders, from small simulated spaces of different dimensions."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from gap_assets.gap.encoder_metrics import WHOLE, encoder_rows
from gap_assets.gap.metric_rows import MetricPlan, MetricRow, SourceVectors, metric_rows
from gap_assets.gap.reporting.encoders import section, shown_name
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets_tests.gap.conftest import simulated

PLAN = MetricPlan(encoder="coca", bootstraps=60, permutations=49)
LONG = "open_clip:ViT-gopt-16-SigLIP2-384/webli_of_a_very_long_name"


def space(dimensions: int, *, gap: float, n: int = 24, fusion: str = "mean") -> SourceVectors:
    pairs = simulated(n, dimensions, gap=gap, seed=dimensions)
    return SourceVectors(
        videos={fusion: pairs.video}, texts={"summary": pairs.text, "captions": pairs.text}
    )


def control(seed: int) -> MetricRow:
    return MetricRow(f"untrained-{seed}", "mean", "summary", "centroid_gap_debiased", 1, 0, 1, 12)


@pytest.fixture(scope="module")
def rows() -> list[MetricRow]:
    return [
        *metric_rows(space(16, gap=0.8), PLAN),
        *encoder_rows("embedded:small", space(8, gap=0.2), PLAN),
        *encoder_rows("open_clip:/somewhere/of/mine/clip", space(32, gap=0.8), PLAN),
        *encoder_rows(LONG, space(24, gap=1.2, fusion=WHOLE), PLAN),
        *map(control, range(2)),
    ]


def test_an_encoder_is_measured_as_the_embedding_coca_is():
    one = space(16, gap=0.8)
    main = ("mean", "summary")
    own = {
        row.metric: (row.value, row.ci_low, row.ci_high, row.n)
        for row in metric_rows(one, PLAN)
        if (row.video_source, row.text_source) == main
    }
    again = [row for row in encoder_rows("x", one, PLAN) if row.text_source == "summary"]
    assert len(again) > 50
    for row in again:
        assert own[row.metric] == (row.value, row.ci_low, row.ci_high, row.n), row.metric


def test_an_encoder_without_enough_videos_has_no_rows():
    few = space(16, gap=0.8)
    few.texts["summary"][2:] = np.nan
    assert not [*encoder_rows("x", few, PLAN)]
    assert not [*encoder_rows("x", SourceVectors(videos={}, texts={}), PLAN)]
    untold = SourceVectors(videos=space(16, gap=0.8).videos, texts={})
    assert not [*encoder_rows("x", untold, PLAN)]


def test_encoders_stand_side_by_side_and_only_sure_differences_are_said(rows):
    made = section(Numbers(rows, PLAN))
    names = [line["name"] for line in made["lines"]]
    assert names == ["coca", "embedded:small", "open_clip:clip", LONG, "untrained"]
    assert [line["letter"] for line in made["lines"]] == ["A", "B", "C", "D", ""]
    cells = dict(made["lines"][3]["cells"])
    assert cells.keys() == {*made["columns"]}
    assert "[" in cells["gap"]
    said = " ".join(made["sentences"])
    assert "by 4 encoders" in said
    assert "A certainly smaller gap than coca: embedded:small." in said
    assert f"A certainly larger gap than coca: {LONG}." in said
    assert "No certain difference from coca: open_clip:clip." in said
    assert "/somewhere" not in str(made["lines"]) + said


def test_every_letter_and_name_is_in_the_picture(rows):
    [exhibit] = section(Numbers(rows, PLAN))["exhibits"]
    picture = ET.fromstring(exhibit["files"]["encoders.svg"])
    comments = exhibit["files"]["encoders.svg"].decode()
    for name in ("A  coca", "B  embedded:small", "C  open_clip:clip", f"D  {LONG}"):
        assert f"<!-- {name} -->" in comments
    assert picture.tag.endswith("svg")
    assert "24 videos" in exhibit["caption"]


def test_no_other_encoder_is_no_section(rows):
    own = [row for row in rows if row.encoder == "coca"]
    assert section(Numbers(own, PLAN)) is None
    assert section(Numbers([*own, control(0)], PLAN)) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("open_clip:/a/b/my-clip", "open_clip:my-clip"),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32/openai"),
        ("embedded coca", "embedded coca"),
    ],
)
def test_a_folder_is_shown_without_the_machines_path(name, shown):
    assert shown_name(name) == shown

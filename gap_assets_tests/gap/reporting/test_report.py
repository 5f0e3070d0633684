"""Rows for the warehouse, the report page and the comparison page, from small simulated data."""

import json
import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from collections import Counter
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest

from gap_assets.gap import GapInputError
from gap_assets.gap.events.rows import event_rows
from gap_assets.gap.metric_rows import MetricPlan, SourceVectors, metric_rows
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.projections import fit_projections
from gap_assets.gap.reporting.comparison import compare_reports
from gap_assets.gap.reporting.events import EventsShown, TimedSentence
from gap_assets.gap.reporting.numbers import Numbers, number, with_interval
from gap_assets.gap.reporting.pages import definition, words
from gap_assets.gap.reporting.readings import readings
from gap_assets.gap.reporting.report import ReportInputs, write_report
from gap_assets.gap.reporting.verdict import verdict
from gap_assets.gap.summaries import MarkedSummary
from gap_assets_tests.gap.conftest import simulated
from gap_assets_tests.gap.events.conftest import simulated as simulated_events
from gap_assets_tests.gap.reporting.test_events import counts, strip

PLAN = MetricPlan(encoder="coca", bootstraps=60, permutations=49)
JPEG = b64decode("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//2Q==")


def sources(n=24, d=16, *, gap=0.8, seed=0):
    pairs = simulated(n, d, gap=gap, seed=seed)
    wobble = np.random.default_rng(seed + 1).normal(size=(3, n, d)) * 0.05
    lengths = np.random.default_rng(seed + 2).uniform(0.8, 1, size=(n, 1))
    reference = pairs.text + wobble[0]
    reference[0] = np.nan
    return SourceVectors(
        videos={"mean": pairs.video * lengths, "medoid": pairs.video + wobble[1]},
        texts={"summary": pairs.text, "captions": pairs.text + wobble[2], "reference": reference},
        captions=(pairs.text + wobble[2]) * 0.9,
        frames=np.full(n, 4),
    )


def controls(n=24, seeds=2):
    return {
        f"untrained-{seed}": SourceVectors(
            videos=dict(sources(n, seed=10 + seed).videos) | {"noise": np.eye(5, 16) + 1.0},
            texts=sources(n, seed=10 + seed).texts,
        )
        for seed in range(seeds)
    }


@pytest.fixture(scope="module")
def rows():
    return list(metric_rows(sources(), PLAN, controls()))


def test_every_row_once_and_every_pair_of_sources(rows):
    keys = Counter((r.encoder, r.video_source, r.text_source, r.metric) for r in rows)
    assert set(keys.values()) == {1}
    pairs = {(r.video_source, r.text_source) for r in rows if r.encoder == "coca"}
    assert pairs == {
        ("mean", "summary"),
        ("mean", "captions"),
        ("mean", "reference"),
        ("frames", "summary"),
        ("frames", "captions"),
        ("frames", "reference"),
        ("mean", "medoid"),
        ("medoid", "summary"),
        ("medoid", "captions"),
        ("medoid", "reference"),
        ("summary", "captions"),
        ("summary", "reference"),
        ("captions", "reference"),
    }
    assert {r.n for r in rows if r.text_source == "reference" and r.encoder == "coca"} == {23}
    assert {r.encoder for r in rows} == {
        "coca",
        "untrained-0",
        "untrained-1",
        "untrained-0 × untrained-1",
    }


def test_frames_row_is_the_raw_mean(rows):
    data = sources()
    numbers = Numbers(rows, PLAN)
    found = closed_form(data.videos["mean"], data.texts["summary"], weights=np.ones((1, 24)))
    for name in ("centroid_gap", "cone_video", "paired_cosine"):
        row = numbers.find(name, video="frames")
        assert row.value == pytest.approx(found[name][0])
    assert numbers.find("rmg", video="frames") is None


def test_interventions_and_loss_are_rows(rows):
    numbers = Numbers(rows, PLAN)
    assert numbers.find("contrastive_loss_at_100").ci_low is None
    assert numbers.find("best_shift_at_1").value == pytest.approx(0.5, abs=0.1)
    assert numbers.find("recall_at_1_after_centring_1").n == 12
    assert numbers.find("recall_at_1_after_centring_1", text="captions") is None


def test_controls_that_lack_the_text_of_the_main_pair_are_left_out():
    known = controls()
    untold = SourceVectors(known["untrained-1"].videos, {"captions": sources().texts["captions"]})
    plan = replace(PLAN, text="reference")
    found = list(metric_rows(sources(), plan, known | {"untrained-1": untold}))
    encoders = {row.encoder for row in found}
    assert "untrained-0" in encoders
    assert not any("untrained-1" in encoder for encoder in encoders)


def test_a_main_pair_that_cannot_be_measured_is_refused():
    data = sources()
    empty = SourceVectors({"mean": data.videos["mean"] * np.nan}, data.texts)
    with pytest.raises(GapInputError, match="too few"):
        list(metric_rows(empty, PLAN))


def test_readings_say_what_the_numbers_say(rows):
    assert readings(Numbers([], PLAN)) == []
    text = " ".join(readings(Numbers(rows, PLAN)))
    parts = ("a sum of cosines", "Untrained networks", "Text sources", "Subtracting", "finds its")
    for part in parts:
        assert part in text
    assert "near-copies" not in text


def test_copies_are_counted():
    data = sources()
    twice = SourceVectors(
        {name: np.concatenate([rows, rows[:3]]) for name, rows in data.videos.items()},
        {name: np.concatenate([rows, rows[:3]]) for name, rows in data.texts.items()},
    )
    found = Numbers(list(metric_rows(twice, PLAN)), PLAN)
    assert "6 of 27 videos are near-copies" in " ".join(readings(found))
    assert "24 independent videos" in " ".join(readings(found))
    alone = Numbers(list(metric_rows(data, PLAN)), PLAN)
    for metric in ("cone_text", "mismatched_cosine"):
        assert found.value(metric) != alone.value(metric)
        # The three cases count as three, not as six of which half are alike.
        assert found.value(metric) == pytest.approx(alone.value(metric), abs=0.03)


def test_frames_are_of_the_means_whatever_the_main_fusion(rows):
    medoid = replace(PLAN, video="medoid")
    found = Numbers(list(metric_rows(sources(), medoid)), medoid)
    frames = found.find("centroid_gap", video="frames")
    assert frames == Numbers(rows, PLAN).find("centroid_gap", video="frames")


def test_the_controls_say_on_how_many_videos_they_rest(rows):
    fewer = Numbers(list(metric_rows(sources(), PLAN, controls(12))), PLAN)
    assert fewer.untrained_pairs() == 12
    assert "on 12 of these videos" in " ".join(readings(fewer))
    seen = np.arange(24) < 12
    same = Numbers(list(metric_rows(sources(), PLAN, controls(12), seen=seen)), PLAN)
    assert "on the same ones" in " ".join(readings(same))
    assert len(same.crossed("centroid_gap_debiased", "mean")) == 1


def test_numbers_for_people(rows):
    assert [number(x) for x in (0.8514, -1.79, 57.04, 500.0, 15000.2, float("nan"))] == [
        "0.851",
        "−1.790",
        "57.0",
        "500",
        "15000",
        "—",
    ]
    row = replace(rows[0], value=0.5, ci_low=0.4, ci_high=0.6)
    assert with_interval(row) == "0.500 [0.400, 0.600]"
    assert with_interval(replace(row, ci_low=None)) == "0.500"


class Page(HTMLParser):
    """Collects what a page loads, its visible text, and whether its tags are balanced."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, html):
        super().__init__()
        self.loads, self.text, self.open, self.figures = [], [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.figures += tag == "figure"
        self.loads += [value for name, value in attributes if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def inputs(n=24, with_controls=True, **changes):
    data = sources(n)
    ids = [f"clip <{i}> & co.mp4" for i in range(n)]
    made = {
        "title": "Gap of <script>alert(1)</script>",
        "facts": {"Data set": "simulated <b>"},
        "video_ids": ids,
        "sources": data,
        "plan": PLAN,
        "rows": list(metric_rows(data, PLAN, controls(n) if with_controls else None)),
        "projections": fit_projections(data.videos["mean"], data.texts["summary"]),
        "texts": {"summary": {name: f"a <i>text</i> of {name}" for name in ids}},
        "thumbnail": lambda name: JPEG if name == ids[0] else None,
        "warnings": ["This network does not know <these> videos."],
    }
    return ReportInputs(**(made | changes))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    given = inputs()
    return given, write_report(given, directory)


def test_page_is_self_contained_escaped_and_complete(written):
    given, files = written
    html = files.html.read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert page.loads
    assert all(value.startswith("data:") for value in page.loads)
    assert "<script" not in html
    assert not re.search(r"url\(|@import", html)
    text = " ".join(page.text)
    assert "Gap of <script>alert(1)</script>" in text
    assert "This network does not know <these> videos." in text
    for sentence in verdict(Numbers(given.rows, PLAN)).sentences:
        assert sentence in text
    places = ["modality gap exists", "Ten numbers", "What makes a gap", "Limits", "@software"]
    assert places == sorted(places, key=text.index)
    assert page.figures == 13
    for entries in words("scorecard").values():
        for entry in entries.values():
            assert entry["label"] in text
    assert "a <i>text</i> of clip" in text
    assert sorted(path.name for path in files.html.parent.iterdir()) == [
        "figures",
        "preview.png",
        "report.html",
        "report.json",
    ]


def test_pictures_are_valid_and_repeat(written, tmp_path):
    given, files = written
    html = files.html.read_text(encoding="utf-8")
    pictures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", html)
    assert len(pictures) > 15
    for picture in pictures:
        root = ET.fromstring(b64decode(picture))
        assert root.tag.endswith("svg")
    assert files.preview_png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    again = write_report(given, tmp_path)
    assert again.html.read_bytes() == files.html.read_bytes()


def test_figures_are_files_too(written):
    _, files = written
    folder = files.html.parent / "figures"
    stems = {path.stem for path in folder.iterdir()}
    assert {"histograms", "projections-1", "gap_axis", "causes-2"} <= stems
    for stem in stems:
        assert (folder / f"{stem}.png").read_bytes()[:4] == b"\x89PNG"
        assert ET.parse(folder / f"{stem}.svg").getroot().tag.endswith("svg")


def test_figures_of_an_earlier_report_go(tmp_path):
    old = tmp_path / "figures" / "old.svg"
    old.parent.mkdir()
    old.write_text("<svg/>")
    own = old.with_name("notes.txt")
    own.write_text("mine")
    write_report(inputs(8, with_controls=False), tmp_path)
    assert not old.exists()
    assert own.exists()


def test_every_number_has_a_definition(rows):
    for name in {row.metric for row in rows}:
        assert definition(name), name
    assert definition("recall_at_5_video_to_text").startswith("Share of queries (video to text)")
    assert "held-out half after shift 0.1" in definition("centroid_gap_debiased_after_shift_0.1")
    assert definition("no_such_metric") == ""


def test_the_page_leads_with_at_most_ten_numbers():
    first = next(iter(words("scorecard").values()))
    assert len(first) <= 10


def test_a_withheld_verdict_says_why_everywhere(tmp_path):
    reason = "these models know another world. Use the profile hub."
    files = write_report(inputs(8, with_controls=False, withheld=reason), tmp_path)
    content = json.loads(files.json.read_text(encoding="utf-8"))
    assert content["verdict"] == f"There is no verdict: {reason}"
    assert content["outcomes"] == {}
    assert content["readings"] == []
    assert "exists" not in content["verdict"]


def test_json_has_every_row(written):
    given, files = written
    content = json.loads(files.json.read_text(encoding="utf-8"))
    assert content["metrics"] == [asdict(row) for row in given.rows]
    assert content["verdict"].startswith("The modality gap exists")


def test_catalogue_names_only_metrics_that_exist(rows):
    names = {row.metric for row in rows}
    for entries in words("scorecard").values():
        for name, entry in entries.items():
            assert name in names
            assert not isinstance(entry.get("null"), str) or entry["null"] in names
            assert "null" not in entry or entry["null_is"]


@pytest.mark.parametrize("n", [3, 8])
def test_few_videos_without_controls(n, tmp_path):
    files = write_report(inputs(n, with_controls=False), tmp_path)
    text = " ".join(Page(files.html.read_text(encoding="utf-8")).text)
    assert f"{n} videos are few" in text
    assert "needs more videos" in text
    assert "Untrained networks" not in text


def marked(count):
    return [
        MarkedSummary(
            video_id=f"clip <{i}>",
            text=f"Summary number {i:02} <b>bold</b>",
            captions=[f"caption <i>one</i> of {i}", "another"],
            ended=i != 5,
            unsupported=None if i == 4 else i / 10,
            cosine=None if i == 3 else 1 - i / 10,
            fallback="example" if i == 0 else None,
        )
        for i in range(count)
    ]


def test_the_section_on_summaries_shows_three_best_and_worst(tmp_path):
    files = write_report(inputs(summaries=marked(8)), tmp_path)
    html = files.html.read_text(encoding="utf-8")
    page = Page(html)
    text = " ".join(page.text)
    assert page.open == []
    assert page.figures == 14
    assert all(value.startswith("data:") for value in page.loads)
    assert "Of 8 summaries 7 are the model's own words, and 7 it ended itself" in text
    assert "<b>bold</b>" not in html
    assert "caption <i>one</i> of 1" in text
    best, worst = text.split("Best supported")[1].split("Worst supported")
    assert re.findall(r"Summary number (\d+)", best) == ["01", "02", "03"]
    # The prompt's example first, then one without content words, then by the share.
    assert re.findall(r"Summary number (\d+)", worst) == ["00", "04", "07"]
    assert "the model copied the prompt's example" in worst
    assert "median 0.30" in text


@pytest.mark.parametrize("count", [0, 1])
def test_few_or_no_summaries(count, tmp_path):
    files = write_report(inputs(summaries=marked(count)), tmp_path)
    text = " ".join(Page(files.html.read_text(encoding="utf-8")).text)
    assert ("Of 1 summaries 0 are the model's own words" in text) == bool(count)
    assert "Best supported" not in text


def test_sentences_with_times_have_a_section_and_without_any_there_is_none(written, tmp_path):
    shown = EventsShown(
        rows=list(event_rows(simulated_events(), bootstraps=20, seed=0)) + counts(1, 0, 0, 0),
        problems={"<b>late</b>": 1},
        strips=[strip(TimedSentence(text="a <i>ring</i>", start=0.0, end=3.0))],
    )
    html = write_report(inputs(events=shown), tmp_path).html.read_text(encoding="utf-8")
    page = Page(html)
    text = " ".join(page.text)
    assert page.open == []
    assert page.figures == 15
    assert "(<b>late</b>: 1)" in text
    assert "a <i>ring</i> (0.0 to 3.0 s)" in text
    assert text.index("Closest and farthest") < text.index("The gap in time") < text.index("Limits")
    assert "The gap in time" not in written[1].html.read_text(encoding="utf-8")


def test_comparison_page(rows, tmp_path):
    def report(folder, *, model, rows):
        path = tmp_path / folder / "report" / "report.json"
        path.parent.mkdir(parents=True)
        content = {
            "verdict": verdict(Numbers(rows, PLAN)).text,
            "withheld": "these models know another world." if model == "b" else None,
            "facts": {"Fusion": "mean", "Model": model},
            "plan": asdict(PLAN),
            "metrics": [asdict(row) for row in rows],
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    other = [replace(row, value=row.value * 2, ci_low=None, n=row.n + 1) for row in rows]
    page_of = compare_reports(
        report("first <run>", model="a", rows=rows),
        report("second", model="b", rows=other),
        into=tmp_path,
    )
    page = Page(page_of.read_text(encoding="utf-8"))
    text = " ".join(page.text)
    assert page.open == []
    assert all(value.startswith("data:") for value in page.loads)
    assert "A: first <run>" in text
    assert text.index("Model") < text.index("Fusion")
    assert "A has 24 videos and B 25" in text
    assert "B has no verdict: these models know another world." in text


def test_videos_of_one_frame_have_means_of_one_length(tmp_path):
    pairs = simulated(24, 16, gap=0.8, seed=0)
    frame = pairs.video.astype(np.float32)
    data = SourceVectors({"mean": frame, "medoid": frame}, {"summary": pairs.text})
    rows = list(metric_rows(data, PLAN))
    html = write_report(inputs(sources=data, rows=rows), tmp_path).html.read_text(encoding="utf-8")
    assert "Fusions compared" in html
    assert "Lengths of mean embeddings" not in html

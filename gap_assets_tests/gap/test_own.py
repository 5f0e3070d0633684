"""The report of two arrays: what it says, what it writes, what a notebook shows of it."""

import json

import numpy as np
import pytest

from gap_assets import gap
from gap_assets.gap.reporting.verdict import Verdict
from gap_assets_tests.gap.conftest import simulated


@pytest.fixture(scope="module")
def found():
    pairs = simulated(30, 8, gap=2.0)
    with pytest.MonkeyPatch.context() as patch:  # Other tests draw UMAP, which takes longest.
        patch.setattr("gap_assets.gap.projections.umap_is_installed", lambda: False)
        return pairs, gap.report(pairs.video, pairs.text, seed=3)


def test_the_report_has_the_verdict_and_the_numbers(found):
    pairs, made = found
    assert made.verdict.startswith("The modality gap exists here: ")
    assert made.outcomes == {"gap": "present", "cone_video": "present", "cone_text": "present"}
    for metric in gap.scorecard(pairs.video, pairs.text, seed=3):
        assert made.metrics[metric.name].value == pytest.approx(metric.value)
    assert "recall_at_1_after_centring_1" in made.metrics
    assert isinstance(made.rendered.verdict, Verdict)
    assert made.verdict in repr(made)
    assert len(repr(made)) < 1500


def test_a_notebook_shows_the_page(found):
    _, made = found
    frame = made._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert "Ten numbers" in frame
    assert 'sandbox=""' in frame
    assert "height: 333px" in made.inline(height=333)._repr_html_()


def test_it_is_saved_whole_and_twice_the_same(found, tmp_path):
    _, made = found
    files = made.save(str(tmp_path / "new" / "folder"))
    told = json.loads(files.json.read_text(encoding="utf-8"))
    assert told["verdict"] == made.verdict
    assert told["outcomes"] == made.outcomes
    before = files.html.read_bytes()
    assert made.save(tmp_path / "new" / "folder") == files
    assert files.html.read_bytes() == before
    names = {path.name for path in files.html.parent.iterdir()}
    assert names == {"figures", "preview.png", "report.html", "report.json"}


def test_tensors_and_lists_are_arrays():
    import torch

    pairs = simulated(12, 4)
    expected = gap.scorecard(pairs.video, pairs.text)
    assert gap.scorecard(torch.from_numpy(pairs.video), pairs.text.tolist()) == expected
    with pytest.raises(gap.GapInputError, match="12 video rows and 11 text rows"):
        gap.report(pairs.video, np.delete(pairs.text, 3, axis=0))

"""The shipped models: what their folders claim, and that they see a freshly drawn video."""

from pathlib import Path

import pytest

from gap_assets.coca.model import load_coca
from gap_assets.files import verify_checksums, write_checksums
from gap_assets.profiles import MODELS, PROFILES
from gap_assets.summaries.summarizer import load_summarizer
from gap_assets.world.training.evaluate import (
    TARGETS,
    coca_figures,
    read_samples,
    summarizer_figures,
)

LARGEST_MB = 16


@pytest.mark.parametrize("name", ["coca", "summarizer"])
def test_checksums_cover_every_file(name, tmp_path):
    folder = MODELS / name
    verify_checksums(folder)
    listed = {
        line.split(maxsplit=1)[1].strip()
        for line in (folder / "SHA256SUMS").read_text().splitlines()
    }
    assert listed == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}


def test_checksums_are_written_as_they_are_read(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    write_checksums(tmp_path)
    verify_checksums(tmp_path)


def test_all_models_together_are_small():
    weights = [path.stat().st_size for path in MODELS.rglob("*.safetensors")]
    assert len(weights) == 3
    assert sum(weights) <= LARGEST_MB * 10**6


def test_calibration_captions_differ():
    lines = (MODELS / "coca" / "calibration_captions.txt").read_text().splitlines()
    assert len(lines) == len(set(lines)) >= 50


def test_the_shipped_models_read_new_videos():
    coca = load_coca(model=PROFILES["embedded"].coca, weights=None, device="cpu")
    readings = read_samples(coca, seed=20, videos=12)
    figures = coca_figures(coca, readings, seed=20)
    writer = load_summarizer(model=PROFILES["embedded"].summarizer, device="cpu")
    figures |= summarizer_figures(writer, readings, coca)
    assert set(TARGETS) <= set(figures)
    # Far below the targets, as 12 videos are few; a broken pipeline gives next to nothing.
    assert figures["frame_caption_exact"] > 0.6
    assert figures["summary_exact_from_truth"] > 0.6


def test_cards_name_their_figures():
    for name, figure in {"coca": "frame_caption_exact", "summarizer": "end_to_end"}.items():
        assert figure in Path(MODELS / name / "README.md").read_text()

"""Model files that are damaged, in a run."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.profiles import MODELS, PROFILES
from gap_assets.settings import Settings
from gap_assets_tests.faults.conftest import assert_same_rows


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    """Copies of the embedded models, which the runs of the test take."""
    folder = shutil.copytree(MODELS, tmp_path / "models")
    embedded = replace(
        PROFILES["embedded"],
        coca=f"local-dir:{folder / 'coca'}",
        summarizer=str(folder / "summarizer"),
    )
    monkeypatch.setitem(PROFILES, "embedded", embedded)
    monkeypatch.setattr("gap_assets.profiles.MODELS", folder)
    return folder


def gap(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_damaged_model_stops_a_run_in_one_sentence_and_touches_nothing(
    models, tmp_path, world, encoders, made_in_file, monkeypatch
):
    monkeypatch.setenv("GAP_VIDEOS_PER_RUN", "3")
    settings = Settings(data=tmp_path / "data")
    run = ["run", world, "--captions", world / "captions.jsonl", "--frames-per-second", 2]
    run += ["--data", settings.data, "--encoders", ",".join(encoders)]

    def stopped() -> str:
        done = gap(*run)
        assert done.exit_code == 1
        [sentence] = done.stderr.splitlines()
        return sentence

    weights = models / "coca" / "open_clip_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    expected = f"gap: {weights} is not the file that SHA256SUMS describes (damaged or changed);"
    assert stopped() == f"{expected} restore it."
    assert not Path(settings.warehouse).exists()
    weights.write_bytes(whole)
    language_model = models / "summarizer" / "model.safetensors"
    os.truncate(language_model, 1000)
    assert stopped().startswith(f"gap: {language_model} is not the file that SHA256SUMS describes")
    assert not Path(settings.warehouse).exists()
    shutil.copy(MODELS / "summarizer" / "model.safetensors", language_model)
    assert gap(*run).exit_code == 0
    assert_same_rows(settings, made_in_file)


def test_an_estimate_with_a_damaged_model_is_one_sentence(models, world):
    (models / "coca" / "open_clip_config.json").unlink()
    done = gap("estimate", world)
    assert done.exit_code == 1
    assert done.stderr.startswith(
        f"gap: {models / 'coca'} is no open_clip model's folder: it has no"
    )

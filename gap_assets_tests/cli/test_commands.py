import json
import os
import pty
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put


def gap(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def warehouse(tmp_path):
    store = Warehouse(path=tmp_path / "data" / "gap.duckdb")
    rows = pl.DataFrame({"video_id": ["v"], "summary": ["<b>\x1b[31m[red]a; DROP TABLE frames"]})
    put(store, {"video_summaries": rows}, where={})
    return store


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere"], "is not a folder"),
        (["run", "."], "holds no video files"),
        (["status"], "holds no warehouse"),
        (["query", "SELECT 1"], "holds no warehouse"),
        (["report"], "holds no warehouse"),
        (["metrics", "--video", "no.npy", "--text", "no.npy"], "no.npy cannot be read"),
    ],
)
def test_what_a_user_can_fix_is_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    result = gap(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr.replace("\n", " ")
    assert result.stderr.startswith("gap: ")
    assert "Traceback" not in result.output


def test_a_wrong_query_is_one_sentence(warehouse):
    result = gap("query", "SELECT nothing FROM nowhere")
    assert result.exit_code == 1
    assert "nowhere does not exist" in result.stderr


def test_a_query_shows_texts_harmlessly(warehouse):
    result = gap("query", "SELECT summary FROM video_summaries")
    assert result.exit_code == 0
    assert "\x1b[31m" not in result.stdout
    assert "[red]a; DROP TABLE" in result.stdout
    as_json = gap("query", "SELECT summary FROM video_summaries", "--json")
    assert json.loads(as_json.stdout)[0]["summary"].startswith("<b>\x1b[31m")


def test_texts_are_shown_as_they_are(warehouse):
    shown = gap("query", "SELECT ':heart:' AS \"\x1b[31m\", 'a' AS \"[b]\"").stdout
    assert ":heart:" in shown
    assert "[b]" in shown
    assert "\x1b[31m" not in shown


@pytest.mark.parametrize("command", ["status", "dev", "run"])
def test_a_damaged_settings_file_is_one_sentence(command, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gap.toml").write_text("models = embedded")
    result = gap(command)
    assert result.exit_code == 1
    assert "gap.toml is not valid TOML" in result.stderr.replace("\n", " ")


def test_the_settings_file_of_another_folder_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAP_DATA")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gap.toml").write_text("models = 'of a later version'")
    other = tmp_path / "other"
    assert "is not a folder" in gap("run", "nowhere", "--data", other).stderr.replace("\n", " ")


def test_status_counts_per_asset(warehouse):
    catalogue = pl.DataFrame({"video_id": ["v", "w"]})
    put(warehouse, {"videos": catalogue}, where={})
    result = gap("status")
    assert result.exit_code == 0
    frames = next(line for line in result.stdout.splitlines() if "│ frames " in line)
    assert frames.split("│")[-2].strip() == "2"


def test_a_missing_captions_file_and_a_wrong_model_are_named(tmp_path, world):
    result = gap("run", world, "--captions", tmp_path / "no.json")
    assert result.exit_code == 1
    assert "no.json cannot be read" in result.stderr
    assert gap("run", world, "--models", "other").exit_code == 2


def test_the_demo_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gap_assets.cli.commands.DEMO_VIDEOS", 1)
    # One video is too little to measure; what it was made from is remembered all the same.
    assert "too few" in gap("demo", "--data", "demo").stderr
    settings = Settings(data=tmp_path / "demo")
    assert settings.videos == tmp_path / "demo" / "videos"
    assert settings.captions.is_absolute()


def test_metrics_of_anyones_embeddings(tmp_path):
    random = np.random.default_rng(0)
    for name in ("video", "text"):
        np.save(tmp_path / f"{name}.npy", random.normal(size=(40, 8)).astype("f4"))
    files = ["--video", tmp_path / "video.npy", "--text", tmp_path / "text.npy"]
    found = json.loads(gap("metrics", *files, "--json").stdout)
    assert found["centroid_gap"].keys() == {"value", "ci_low", "ci_high"}
    assert found["centroid_gap"]["ci_low"] < found["centroid_gap"]["ci_high"]
    assert "centroid_gap" in gap("metrics", *files).stdout


def test_two_folders_are_compared(tmp_path):
    for name in ("one", "two"):
        report = remember(tmp_path / name).report
        report.mkdir()
        Warehouse(path=tmp_path / name / "gap.duckdb").read("FROM videos")
        plan = {"encoder": "e", "video": "mean", "text": "summary"}
        row = {"encoder": "e", "video_source": "mean", "text_source": "summary", "n": 9}
        metrics = [row | {"metric": "rmg", "value": 0.5, "ci_low": 0.4, "ci_high": 0.6}]
        content = {"verdict": "a gap", "facts": {"Model": name}, "plan": plan, "metrics": metrics}
        (report / "report.json").write_text(json.dumps(content))
    result = gap("report", "--compare", tmp_path / "one", tmp_path / "two", "--data", tmp_path)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "comparison.html").read_text()
    assert "one" in page
    assert "two" in page


def test_the_module_runs_as_a_command():
    import subprocess

    command = [sys.executable, "-m", "gap_assets.cli", "--help"]
    assert "demo" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


BARS = """
import os, sys, time
from gap_assets.cli.console import progress_bars
with progress_bars() as listener:
    kept = os.dup(1)
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 1)  # as Dagster does during a step
    listener("frames", 0, 4)
    time.sleep(0.5)
    os.write(1, b"from a step")
    os.dup2(kept, 1)
"""


def test_bars_are_seen_while_a_step_has_stdout_elsewhere(tmp_path):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BARS, str(tmp_path / "step")],
        stdout=follower,
        env=os.environ | {"TERM": "xterm"},
    )
    assert process.wait() == 0
    os.set_blocking(leader, False)
    shown = os.read(leader, 65536).decode()
    assert "frames" in shown
    assert "0/4" in shown
    assert (tmp_path / "step").read_text() == "from a step"


def test_the_version_is_printed():
    assert gap("--version").stdout.startswith("gap_assets ")

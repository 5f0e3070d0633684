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
from gap_assets_tests.gap.conftest import simulated
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


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", 'gap: syntax error at or near "SELEC"\n'),
        ("SELECT list_cosine_similarity(1)", "No function matches the given name"),
        ("SELECT summry FROM video_summaries", 'column "summry" not found'),
    ],
)
def test_a_wrong_query_is_told_without_a_librarys_lists(warehouse, sql, sentence):
    said = gap("query", sql).stderr
    assert sentence.lower() in said.lower()
    assert "Error:" not in said
    assert "Candidate" not in said
    assert "LINE 1" not in said


def test_a_query_goes_to_csv_and_parquet(warehouse, tmp_path):
    sql = (
        "SELECT 'a, \"b\"' AS text, [1, 2] AS list, NULL AS none, '\\x01'::BLOB AS bytes, 0.1 AS n"
    )
    shown = gap("query", sql, "--csv").stdout
    assert shown == 'text,list,none,bytes,n\n"a, ""b""","[1, 2]",,01,0.1\n'
    assert gap("query", sql, "--parquet", tmp_path / "rows.parquet").exit_code == 0
    assert pl.read_parquet(tmp_path / "rows.parquet")["list"].to_list() == [[1, 2]]
    assert gap("query", sql, "--csv", "--json").exit_code == 2


def test_wide_rows_are_shown_one_column_a_line(warehouse):
    columns = ", ".join(f"'value number {k}' AS column_{k}" for k in range(9))
    shown = gap("query", f"SELECT {columns}, repeat('x', 100) AS long").stdout.splitlines()
    assert shown[0].startswith("row 1 of 1")
    assert "column_3  value number 3" in [line.rstrip() for line in shown]
    assert all(len(line) <= 80 for line in shown)
    narrow = gap("query", "SELECT 1 AS a, repeat('word ', 40) AS text").stdout
    assert narrow.startswith("┏")


def test_embeddings_that_are_none_are_told_without_advice(tmp_path):
    (tmp_path / "no.npy").write_bytes(b"\x80\x04K\x01.")
    said = gap("metrics", "--video", tmp_path / "no.npy", "--text", tmp_path / "no.npy").stderr
    assert "cannot be read as an .npy array of numbers; write one with numpy.save" in said
    assert "unsafely" not in said


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
    monkeypatch.setattr("gap_assets.cli.run.DEMO_VIDEOS", 1)
    shown = gap("demo", "--data", "demo")
    assert shown.exit_code == 0
    assert "needs at least 3 videos" in shown.stdout
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
    gap_of = found["centroid_gap_debiased"]
    assert gap_of["ci_low"] <= gap_of["value"] < gap_of["ci_high"]
    assert "centroid_gap" in gap("metrics", *files).stdout


def test_embeddings_may_be_in_one_file(tmp_path):
    pairs = simulated(30, 8, gap=1.0)
    for name in ("video", "text"):
        np.save(tmp_path / f"{name}.npy", getattr(pairs, name))
    np.savez(tmp_path / "both.npz", video=pairs.video, text=pairs.text)
    one = ["--video", f"{tmp_path / 'both.npz'}:video", "--text", f"{tmp_path / 'both.npz'}:text"]
    two = ["--video", tmp_path / "video.npy", "--text", tmp_path / "text.npy"]
    assert gap("metrics", *one, "--json").stdout == gap("metrics", *two, "--json").stdout
    refused = gap("metrics", *two[:3], tmp_path / "both.npz")
    assert refused.exit_code == 1
    assert "has 2 arrays (video, text); name one as both.npz:NAME." in refused.stderr


def test_the_whole_report_of_anyones_embeddings(tmp_path):
    pairs = simulated(30, 8, gap=1.0)
    for name in ("video", "text"):
        np.save(tmp_path / f"{name}.npy", getattr(pairs, name).astype("f4"))
    files = ["--video", tmp_path / "video.npy", "--text", tmp_path / "text.npy"]
    told = gap("metrics", *files, "--report", tmp_path / "mine").stdout
    assert "The modality gap exists here" in told
    page = (tmp_path / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Ten numbers" in page
    assert (tmp_path / "mine" / "figures" / "histograms.png").exists()
    refused = gap("metrics", *files[:3], tmp_path / "none.npy", "--report", tmp_path / "other")
    assert refused.exit_code
    assert not (tmp_path / "other").exists()


def test_two_folders_are_compared(tmp_path, monkeypatch):
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
    monkeypatch.delenv("GAP_DATA")
    monkeypatch.chdir(tmp_path)
    assert gap("report", "--compare", "one", "two").exit_code == 0
    assert (tmp_path / "one" / "comparison.html").read_text() == page
    assert not (tmp_path / "data").exists()


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

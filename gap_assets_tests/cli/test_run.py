"""`gap run` as a newcomer meets it: which videos, what is remembered, what is said before."""

import shutil

import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings, default_parameters, remember
from gap_assets.warehouse.store import Warehouse


def gap(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def tried(tmp_path_factory, world):
    """A data folder after a run of two of the five videos."""
    data = tmp_path_factory.mktemp("tried") / "data"
    chosen = ["--only", "world-0001", "--only", "world-0003", "--frames-per-second", "2"]
    result = gap("run", world, "--data", data, *chosen)
    assert result.exit_code == 0, result.output
    return data, result.stdout


@pytest.fixture
def copied(tried, tmp_path):
    return shutil.copytree(tried[0], tmp_path / "copied")


def test_two_videos_end_in_summaries_and_say_why_there_is_no_gap(tried):
    data, shown = tried
    assert "world-0001" in shown
    assert "world-0002" not in shown
    assert "it needs at least 3 videos with a summary, and 2 videos have one" in shown
    assert "Videos since the last run: 3 new" in shown
    assert Warehouse(path=Settings(data=data).warehouse).read("FROM video_summaries").height == 2


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(copied, world):
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    result = gap("run", world, "--data", copied, "--dry-run", "--limit", 4)
    assert result.exit_code == 0, result.output
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:5]]
        for line in result.stdout.splitlines()
        if len(cells := line.split("│")) > 4
    }
    assert rows["frames"] == rows["video_summaries"] == ["2", "", "2"]
    assert rows["gap_report"] == ["1", "", ""]
    assert before == {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    nowhere = copied / "new"
    assert gap("run", world, "--data", nowhere, "--dry-run").exit_code == 0
    assert not nowhere.exists()


def test_other_settings_are_told_by_name_and_value(copied):
    shown = gap("run", "--data", copied, "--dry-run", "--frames-per-second", 1).stdout
    assert "sampling.sampling.rate was 2.0 and is now 1.0: frames of 2 videos" in shown
    assert "rate was" not in gap("run", "--data", copied, "--dry-run").stdout


def test_what_the_launchpad_chose_is_told_before_it_is_made_again(copied):
    from gap_assets.dagster.build import build_definitions
    from gap_assets.dagster.runs import QUIET, open_instance, range_tags

    settings = Settings(data=copied)
    config = {"resources": {"caption_filter": {"config": {"method": "none"}}}}
    with open_instance(settings) as instance:
        job = build_definitions(settings).resolve_job_def("per_video")
        tags = range_tags("world-0001", "world-0003")
        assert job.execute_in_process(QUIET | config, instance=instance, tags=tags).success
    shown = gap("run", "--data", copied, "--dry-run").stdout
    today = default_parameters(settings)["caption_filter"].method
    told = f"caption_filter.method was none and is now {today}: filtered_captions of 2 videos"
    assert told in shown


def test_another_folder_is_refused_unless_it_is_added(copied, world, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(world / "world-0004.mp4", other / "else.mp4")
    refused = gap("run", other, "--data", copied)
    assert refused.exit_code == 1
    assert f"holds the videos of {world}" in refused.stderr
    assert "--add" in refused.stderr
    assert Settings(data=copied).places == (world,)
    assert gap("run", other, "--data", copied, "--add", "--only", "else").exit_code == 0
    assert Settings(data=copied).places == (world, other)
    assert current_status(Settings(data=copied)).counts()["frames"] == {"current": 3}
    shown = gap("run", other, "--data", copied, "--dry-run")
    assert shown.exit_code == 0, "a folder that was added is not another one"


def test_a_file_and_then_its_folder(copied, world, tmp_path):
    shown = gap("run", world / "world-0002.mp4", "--data", copied, "--dry-run").stdout
    frames = next(line for line in shown.splitlines() if "│ frames " in line)
    assert [cell.strip() for cell in frames.split("│")[2:5]] == ["1", "", ""]
    data = tmp_path / "one"
    assert gap("run", world / "world-0002.mp4", "--data", data).exit_code == 0
    assert Settings(data=data).videos == world / "world-0002.mp4"
    shown = gap("run", world, "--data", data, "--dry-run").stdout
    frames = next(line for line in shown.splitlines() if "│ frames " in line)
    assert [cell.strip() for cell in frames.split("│")[2:5]] == ["4", "", "1"]


def test_an_excluded_video_is_counted_as_that_and_not_as_failed(copied, world):
    shown = gap("run", "--data", copied, "--only", "world-0001", "--exclude", "world-0003").stdout
    assert (copied / "excluded.txt").read_text() == "world-0003 by gap run --exclude\n"
    assert "1 left out, excluded by excluded.txt" in shown
    assert "failed" not in shown
    with (copied / "excluded.txt").open("a") as file:
        file.write("world-0009 wrong\n# a remark\n")
    shown = gap("status", "--data", copied).stdout
    assert "excluded.txt: No video is called world-0009; did you mean" in shown
    assert "remark" not in shown


def test_a_folder_of_nothing_but_broken_files_does_not_end_well(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.mp4").write_bytes(b"no video")
    result = gap("run", broken, "--data", tmp_path / "data")
    assert result.exit_code == 1
    assert "No video could be summarised; `failures` says why of each." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "world-9999"], "No video is called world-9999; did you mean world-"),
        (["--exclude", "nothing-alike"], "No video is called nothing-alike."),
        (["--captions", "typo.json"], "typo.json cannot be read: No such file or directory."),
        (["--frames-per-second", "0"], "frames_per_second must be greater than 0."),
        (["--models", "hub", "--summarizer", "./typo"], "typo"),
    ],
)
def test_what_cannot_be_used_is_not_remembered(arguments, sentence, world, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = gap("run", world, "--data", tmp_path / "new", *arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Error" not in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("option", ["--captions", "--data", "--prompt-file", "directory"])
def test_an_empty_path_is_not_the_working_directory(option, tmp_path, monkeypatch, world):
    monkeypatch.chdir(tmp_path)
    given = ["", "--data", "new"] if option == "directory" else [world, option, ""]
    assert gap("run", *given).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_no_frames_per_second_are_refused_everywhere(world, tmp_path, monkeypatch):
    sentence = "frames_per_second must be greater than 0."
    data = tmp_path / "data"
    assert sentence in gap("estimate", world, "--frames-per-second", 0).stderr
    monkeypatch.setenv("GAP_FRAMES_PER_SECOND", "0")
    for command in (["run", world], ["estimate", world], ["dev"], ["config"]):
        assert sentence in gap(*command, "--data", data).stderr
    monkeypatch.delenv("GAP_FRAMES_PER_SECOND")
    data.mkdir()
    (data / "gap.toml").write_text("frames_per_second = 0\n")
    assert sentence in gap("run", world, "--data", data).stderr
    assert gap("config", "--data", data, "--unset", "frames_per_second").exit_code == 0


def test_settings_are_shown_with_where_they_come_from_and_unset(tmp_path, monkeypatch):
    remember(tmp_path, frames_per_second=2.0, controls=False)
    monkeypatch.setenv("GAP_GPUS", "2")

    def lines(*arguments):
        shown = gap("config", "--data", tmp_path, *arguments)
        assert shown.exit_code == 0, shown.output
        rows = (line.split("│") for line in shown.stdout.splitlines() if "│" in line)
        return {row[1].strip(): (row[2].strip(), row[3].strip()) for row in rows}

    shown = lines()
    assert shown["frames_per_second"] == ("2.0", "gap.toml")
    assert shown["gpus"] == ("2", "GAP_GPUS")
    assert shown["executor"] == ("in_process", "default")
    assert shown["coca"] == ("embedded coca", "the profile embedded")
    assert lines("--unset", "frames-per-second")["frames_per_second"] == ("1.0", "default")
    assert Settings(data=tmp_path).controls is False
    (tmp_path / "gap.toml").write_text("typo = 1\n")
    assert "typo is no setting" in gap("config", "--data", tmp_path).stderr
    assert gap("config", "--data", tmp_path, "--unset", "typo").exit_code == 0
    assert "does not set typo" in gap("config", "--data", tmp_path, "--unset", "typo").stderr

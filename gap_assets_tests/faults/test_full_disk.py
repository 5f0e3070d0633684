"""Disks that are full while something is written."""

import os
import random
import re
import shutil

import polars as pl
import pytest

from gap_assets.cli.run import DEMO_SEED
from gap_assets.dagster.runs import RunFailedError, run_everything
from gap_assets.files import DiskFullError, write_atomically
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.faults.conftest import assert_same_rows, gap, said
from gap_assets_tests.rows import put


def test_a_warehouse_keeps_every_commit_and_no_half_of_one(disk):
    chance = random.Random(1)
    warehouse = Warehouse(path=disk.path / "gap.duckdb")
    size, refused = 4, 0
    stored: dict[str, pl.DataFrame] = {}
    while len(stored) < 30 or refused < 30:
        video = f"v{chance.randrange(40)}"
        images = [chance.randbytes(chance.choice((100, 3000, 20000))) for _ in range(8)]
        rows = pl.DataFrame({"video_id": [video] * 8, "frame_index": range(8), "image": images})
        try:
            put(warehouse, {"frames": rows}, where={"video_id": [video]})
            stored[video] = rows
        except DiskFullError:
            refused += 1
            size = int(size * 1.1) + 4
            disk.resize(size)
        if stored:
            found = warehouse.read("SELECT video_id, frame_index, image FROM frames ORDER BY ALL")
            everything = pl.concat(stored.values()).sort("video_id", "frame_index")
            assert found.rows() == everything.rows()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    def full(path):
        path.with_name(f".{path.name}.{os.getpid()}.tmp").symlink_to("/dev/full")

    page = write_atomically(tmp_path / "report" / "page.html", b"before")
    full(page)
    with pytest.raises(DiskFullError, match=f"The disk of {page.parent} is full"):
        write_atomically(page, b"after")
    assert page.read_bytes() == b"before"
    assert list(page.parent.iterdir()) == [page]
    settings = remember(tmp_path / "data", frames_per_second=2.0)
    full(tmp_path / "data" / "gap.toml")
    with pytest.raises(DiskFullError, match=r"The disk of .*data is full"):
        remember(tmp_path / "data", frames_per_second=3.0)
    assert Settings(data=tmp_path / "data") == settings


def test_the_demo_has_no_room_for_its_videos(disk, tmp_path):
    disk.resize(24)
    videos = disk.path / "videos"
    assert said(gap("demo", "--data", disk.path)).startswith(f"gap: The disk of {videos} is full;")
    write_samples(tmp_path / "whole", count=3, seed=DEMO_SEED)
    written = list(videos.glob("*.mp4"))
    assert 0 < len(written) < 3
    for video in written:
        assert video.read_bytes() == (tmp_path / "whole" / video.name).read_bytes()


def test_a_report_that_does_not_fit_is_made_when_it_does(disk, made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "data"))
    shutil.rmtree(settings.report)
    settings.report.symlink_to(disk.path)
    disk.resize(100)  # The fitted projections fit, the page does not.
    with pytest.raises(RunFailedError) as error:
        run_everything(settings)
    assert str(error.value).startswith(f"The disk of {settings.report}")
    assert "is full; free some space" in str(error.value)
    assert not (disk.path / "report.html").exists()
    disk.resize(8192)
    run_everything(settings)
    assert (settings.report / "report.html").stat().st_size > 100_000
    assert_same_rows(settings, made_in_file)


# The catalogue, the event log and the frames, captions and vectors each meet the end of the disk.
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("full", "sizes"),
    [("data", [12, 300, 1000, 2500]), ("warehouse", [12, 64, 1500, 2500])],
)
def test_a_run_goes_on_when_there_is_space_again(disk, tmp_path, world, made_in_file, full, sizes):
    warehouse = {"GAP_WAREHOUSE": str(disk.path / "gap.duckdb")} if full == "warehouse" else {}
    data = tmp_path / "data" if warehouse else disk.path / "data"
    command = ["run", world, "--captions", world / "captions.jsonl", "--frames-per-second", 2]
    for size in sizes:
        disk.resize(size)
        assert re.search(
            rf"gap: The disk of {disk.path}\S* is full; free some space and run this again\.",
            said(gap(*command, "--data", data, GAP_VIDEOS_PER_RUN="3", **warehouse)),
        )
    disk.resize(65_536)
    done = gap(*command, "--data", data, GAP_VIDEOS_PER_RUN="3", **warehouse)
    assert done.returncode == 0, done.stderr
    found = Settings(data=data, warehouse=str(warehouse.get("GAP_WAREHOUSE", data / "gap.duckdb")))
    assert_same_rows(found, made_in_file)

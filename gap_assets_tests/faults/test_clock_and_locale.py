"""Clocks that are set back, other time zones, locales that are not UTF-8."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from gap_assets.dagster.checks import QUERIES
from gap_assets.pipeline.status import current_status
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.faults.conftest import assert_same_rows, gap, said
from gap_assets_tests.rows import put

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0"}


def test_of_two_settings_the_last_commit_is_right_whatever_the_clock_says(warehouse):
    def commit(videos: list[str], settings: str, year: int) -> None:
        at = datetime(year, 1, 1, tzinfo=UTC)
        rows = [("frames", video, settings, at) for video in videos]
        columns = ["asset", "video_id", "settings", "materialized_at"]
        new = pl.DataFrame(rows, schema=columns, orient="row")
        put(warehouse, {"materializations": new}, where={"video_id": videos})

    commit(["a", "b", "c", "d"], "old", 2026)
    commit(["b"], "new", 2020)
    query = QUERIES[dg.AssetCheckKey(dg.AssetKey("frames"), "one_configuration")]
    assert sorted(warehouse.read(query)["video_id"]) == ["b"]  # Most are right.
    commit(["c"], "new", 2019)
    assert sorted(warehouse.read(query)["video_id"]) == ["a", "d"]
    commit(["a", "d"], "new", 2018)
    assert warehouse.read(query).is_empty()


@pytest.mark.parametrize("zone", ["", "US/Pacific-New", "XYZ-14", "Pacific/Kiritimati"])
def test_times_are_told_in_utc_in_every_zone(tmp_path, zone):
    rows = pl.DataFrame(
        {"video_id": ["v"], "failed_at": [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)]}
    )
    put(Warehouse(path=tmp_path / "gap.duckdb"), {"failures": rows}, where={})
    done = gap("query", "--json", "SELECT failed_at FROM failures", "--data", tmp_path, TZ=zone)
    assert json.loads(done.stdout) == [{"failed_at": "2026-03-29 01:30:00+00:00"}]


def test_names_are_utf8_in_every_locale(tmp_path):
    folder = tmp_path / "видео İı"
    assert said(gap("status", "--data", folder, **ASCII)).startswith(f"gap: {folder} holds no")


def turkish(folder: Path) -> dict[str, str]:
    """The locale with another idea of i and I, where the machine can make it."""
    name = "tr_TR.UTF-8"
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "tr_TR", "-f", "UTF-8", folder / name], capture_output=True
    )
    return {"LOCPATH": str(folder), "LC_ALL": name} if made and not made.returncode else {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_folder_is_run_in_part_before_the_clock_and_the_locale_change(
    tmp_path, world, made_in_file
):
    if not shutil.which("faketime"):
        pytest.skip("faketime, which sets a program's clock, is not installed")
    videos = shutil.copytree(world, tmp_path / "видео İı")
    later = [(videos / f"world-000{i}.mp4").rename(tmp_path / f"world-000{i}.mp4") for i in (3, 4)]
    settings = remember(
        tmp_path / "data", videos=videos, captions=videos / "captions.jsonl", frames_per_second=2.0
    )

    def run(through: Sequence[str] = (), **environment: str) -> pl.DataFrame:
        done = gap("run", "--data", settings.data, through=through, **environment)
        assert done.returncode == 0, done.stderr
        counts = current_status(settings).counts()
        assert all(set(count) == {"current"} for count in counts.values()), counts
        ledger = "FROM materializations WHERE asset NOT IN ('videos', 'reference_captions')"
        return Warehouse(path=settings.warehouse).read(f"{ledger} ORDER BY ALL")

    first = run(TZ="Pacific/Kiritimati", **ASCII)
    for video in later:
        video.rename(videos / video.name)
    back = ["faketime", "-f", "-3y"]
    second = run(back, NO_FAKE_STAT="1", TZ="America/St_Johns", **turkish(tmp_path))
    of_videos = first.filter(pl.col("video_id").is_not_null() & (pl.col("asset") != "projections"))
    assert of_videos.join(second, on=first.columns, how="anti", nulls_equal=True).is_empty()
    assert second["materialized_at"].min() < first["materialized_at"].min()
    assert run().equals(second)
    for key, query in QUERIES.items():
        assert Warehouse(path=settings.warehouse).read_embeddings(query).is_empty(), key
    assert_same_rows(settings, made_in_file, but="path")

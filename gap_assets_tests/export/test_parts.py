"""One state of the warehouse, no path of this machine, bounded memory, and sizes said before."""

import html
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gap_assets.export.dataset import parts
from gap_assets.export.frozen import NothingToExportError
from gap_assets.export.machine_paths import folders_of, outermost, shortened, without_folders
from gap_assets.export.parquet import GROUP_BYTES, write_file, write_shards
from gap_assets.export.parts import expected_bytes, write_export
from gap_assets.progress import listening
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.export.conftest import IDS, fill
from gap_assets_tests.rows import put

SETTINGS = {"thumbnails_bytes": 10**6, "pictures": True}


def all_texts(folder: Path) -> str:
    """Everything that is written anywhere in an export, but for what only looks like text."""
    told = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            told += [str(pq.read_schema(path)), str(pq.read_metadata(path).metadata)]
            for column in pl.read_parquet(path).iter_columns():
                if column.dtype in (pl.String, pl.List(pl.String)):
                    told.append(json.dumps(column.to_list(), ensure_ascii=False))
        elif path.is_file():
            told.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(told)


def test_no_path_of_this_machine_is_in_any_file(made, tmp_path):
    write_export(made, tmp_path / "out", **SETTINGS)
    told = all_texts(tmp_path / "out")
    assert made.videos.name in told  # "Videos folder" of the report
    assert "/report.html" not in told
    for place in (made.videos, made.data, Path(sys.prefix), Path.home()):
        assert str(place) not in told


def test_odd_paths_of_films_and_models_are_taken_out(odd, tmp_path):
    model = tmp_path / "my models" / "coca & co"
    rows = [("s", "frames", "1", f"local-dir:{model}", json.dumps({"a": [str(model)]}), None)]
    metric = [(f"local-dir:{model}", "mean", "summary", "centroid_gap_debiased", 0.5, 0.4, 0.6, 9)]
    put(
        Warehouse(path=odd.warehouse),
        {
            "configurations": typed_rows("configurations", rows),
            "gap_metrics": typed_rows("gap_metrics", metric),
        },
        where={},
    )
    odd.report.mkdir()
    page = f"<p>{html.escape(str(odd.videos))}/x.mp4</p> {html.escape(str(model))}"
    (odd.report / "report.html").write_text(page)
    (odd.report / "report.json").write_text(json.dumps({"a": str(odd.videos), "b": str(model)}))
    settings = odd.model_copy(update={"models": "hub", "coca": f"local-dir:{model}"})
    write_export(settings, tmp_path / "out", **SETTINGS)
    assert str(tmp_path) not in all_texts(tmp_path / "out")
    assert "/usr/lib" not in all_texts(tmp_path / "out")
    tables = tmp_path / "out" / "tables"
    assert pl.read_parquet(tables / "videos.parquet")["path"][0] == "a 'b' 0.mp4"
    assert pl.read_parquet(tables / "videos.parquet")["error"][0] == (
        "it's <films>/0/a 'b' 0.mp4: codec cannot read it."
    )
    chosen = pl.read_parquet(tables / "configurations.parquet").row(0, named=True)
    assert chosen["model"] == "local-dir:coca & co"
    assert chosen["parameters"] == '{"a": ["coca & co"]}'
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == {
        "a": "it's <films>",
        "b": "coca & co",
    }
    points = json.loads((tmp_path / "out" / "data" / "points.json").read_text())
    assert points["encoder"] == "local-dir:coca & co"
    assert points["gap"] == {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    assert str(tmp_path) in Warehouse(path=odd.warehouse).read("FROM videos")["path"][0]


def test_every_path_of_the_settings_is_found(tmp_path):
    settings = remember(
        tmp_path / "data",
        models="hub",
        coca=f"local-dir:{tmp_path}/coca",
        summarizer=f"{tmp_path}/t5",
        more_videos=(tmp_path / "more",),
    )
    found = outermost(folders_of(settings))
    assert found == [str(tmp_path / name) for name in ("coca", "data", "more", "t5")]


def test_paths_in_texts():
    assert outermost(["/a/b/c", "/a/b", "/", "/d"]) == ["/a/b", "/d"]
    text = "/a/b/x.mp4 of /a/bc and /d, not c/a/b nor x/d="
    assert shortened(text, ["/a/b", "/d"]) == "b/x.mp4 of /a/bc and d, not c/a/b nor x/d="
    assert shortened("iVBORw0KGgo/d/aGk+/d=", ["/d"]) == "iVBORw0KGgo/d/aGk+/d="
    assert shortened("none", []) == "none"
    assert without_folders("cannot open '/tmp/a/b.mp4' (see http://x.org/a/b)") == (
        "cannot open 'b.mp4' (see http://x.org/a/b)"
    )


def test_all_parts_show_one_state_and_a_run_writes_meanwhile(tmp_path):
    path = tmp_path / "data" / "gap.duckdb"
    fill(Warehouse(path=path), "/films")
    settings = Settings(data=path.parent)
    run = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('DELETE FROM video_summaries')"
    done = []

    def write(part: str, *_: int) -> None:
        if part == "tables" and not done:
            done.append(subprocess.run([sys.executable, "-c", run, path], check=True))

    with listening(write):
        write_export(settings, tmp_path / "out", **SETTINGS)
    assert done
    assert Warehouse(path=path).tuples("FROM video_summaries") == []
    tables = tmp_path / "out" / "tables"
    assert len(pl.read_parquet(tables / "video_summaries.parquet")) == len(IDS) - 2
    texts = json.loads(next((tmp_path / "out" / "data").glob("*/texts.json")).read_text())
    assert sum(text is not None for text in texts["summaries"]) == len(IDS) - 2


def test_what_a_killed_run_committed_is_exported(tmp_path):
    """DuckDB keeps it beside the file until the next process opens it to write."""
    path = tmp_path / "data" / "gap.duckdb"
    fill(Warehouse(path=path), "/films")
    run = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute('DELETE FROM video_summaries'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", run, path], check=False)
    assert path.with_name("gap.duckdb.wal").exists()
    write_export(Settings(data=path.parent), tmp_path / "out", **SETTINGS)
    assert pl.read_parquet(tmp_path / "out" / "tables" / "video_summaries.parquet").is_empty()


def test_an_empty_warehouse_is_refused(tmp_path):
    settings = remember(tmp_path / "data")
    Warehouse(path=settings.warehouse).write(lambda connection: None)
    with pytest.raises(NothingToExportError, match="gap run"):
        write_export(settings, tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pictures", [True, False])
def test_the_sizes_that_are_said_are_about_right(made, tmp_path, pictures):
    options = {"thumbnails_bytes": 10**6, "pictures": pictures}
    expected = expected_bytes(made, **options)
    written = write_export(made, tmp_path / "out", **options)
    assert set(expected) == set(written)
    for part, size in written.items():
        assert size / 2 < expected[part] < 2 * size + 10**5, part
    on_disk = sum(f.stat().st_size for f in (tmp_path / "out").rglob("*") if f.is_file())
    marker = (tmp_path / "out" / "export.json").stat().st_size
    assert sum(written.values()) == on_disk - marker


def blobs(count: int, size: int):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield pa.record_batch({"image": pa.array([rng.bytes(size)], pa.binary())})


SCHEMA = pa.schema([("image", pa.binary())])


def test_rows_are_written_without_being_held(tmp_path):
    before = pa.total_allocated_bytes()
    highest = 0

    def watched():
        nonlocal highest
        for batch in blobs(400, 2**20):
            highest = max(highest, pa.total_allocated_bytes() - before)
            yield batch

    write_file(tmp_path / "a.parquet", SCHEMA, watched())
    assert (tmp_path / "a.parquet").stat().st_size > 400 * 2**20
    assert highest < 4 * GROUP_BYTES
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups >= 400 * 2**20 // GROUP_BYTES


def test_shards_are_of_about_a_size_and_named_by_what_they_hold(tmp_path):
    for name, count in (("first", 120), ("again", 120), ("other", 121)):
        (tmp_path / name).mkdir()
        pattern = write_shards(tmp_path / name, SCHEMA, blobs(count, 2**20), most=40 * 2**20)
        shards = sorted((tmp_path / name).iterdir())
        assert shards == sorted((tmp_path / name).glob(pattern))
        assert len(shards) == 2
        assert sum(pq.read_metadata(shard).num_rows for shard in shards) == count
        if name == "first":
            first = pattern
        assert (pattern == first) == (name != "other")


def test_batches_are_of_few_frames_and_hold_every_video_once():
    counts = [(f"v{n}", frames) for n, frames in enumerate([3, 3, 3, 100, 1, 2])]
    assert list(parts(counts, most=6)) == [["v0", "v1"], ["v2", "v3"], ["v4", "v5"]]

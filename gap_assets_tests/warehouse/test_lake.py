"""What only a DuckLake has: a catalogue to reach, files to merge, readers that never wait."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from gap_assets.warehouse import lake
from gap_assets.warehouse.store import Warehouse, WarehouseError
from gap_assets_tests.rows import put
from gap_assets_tests.services import postgres_binaries, running_postgres

pytestmark = pytest.mark.service


def captions(*videos: str) -> dict[str, pl.DataFrame]:
    rows = {"video_id": videos, "frame_index": [0] * len(videos), "caption": videos}
    return {"frame_captions": pl.DataFrame(rows)}


@pytest.fixture
def store(lake, tmp_path) -> Warehouse:
    warehouse = Warehouse(path=lake, files=str(tmp_path / "it's files"))
    put(warehouse, captions("a"), where={"video_id": ["a"]})
    return warehouse


def test_who_knows_the_url_only_finds_the_files(store):
    assert Warehouse(path=store.path).read("SELECT caption FROM frame_captions").item() == "a"


def test_without_a_place_for_its_files_none_is_made(lake):
    warehouse = Warehouse(path=lake)
    assert not warehouse.exists()
    with pytest.raises(WarehouseError, match="no warehouse at"):
        warehouse.read("FROM videos")
    assert not warehouse.exists()


def test_a_reader_does_not_wait_for_a_writer_and_sees_the_last_commit(store):
    with store.transaction() as connection:
        connection.execute("DELETE FROM frame_captions")
        assert store.read("SELECT count(*) FROM frame_captions").item() == 1
        assert store.query("SELECT count(*) FROM frame_captions").item() == 1
    assert store.read("FROM frame_captions").is_empty()


MAKE = """
import sys
from gap_assets.warehouse.store import Warehouse
Warehouse(path=sys.argv[1], files=sys.argv[2]).read("FROM videos")
"""


def test_several_processes_make_one_lake(lake, tmp_path):
    command = [sys.executable, "-c", MAKE, lake, str(tmp_path / "files")]
    makers = [subprocess.Popen(command) for _ in range(3)]
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    versions = Warehouse(path=lake).read("SELECT count(*) FROM warehouse")
    assert versions.item() == 1


@pytest.mark.parametrize(
    "sql",
    [
        "FROM postgres_scan('', 'pg_catalog', 'pg_class')",
        "FROM postgres_query('lake', 'SELECT 1')",
        "SELECT (SELECT count(*) FROM query('FROM videos'))",
        "FROM glob('/etc/*')",
        "FROM ducklake_cleanup_old_files(current_database(), cleanup_all => true)",
        "COPY frame_captions TO '{files}/main/frame_captions/new.parquet'",
        "FROM __ducklake_metadata_lake_{number}.public.ducklake_metadata",
        "FROM __DuckLake_metadata_lake_{number}.ducklake_metadata",
        "SELECT 1; SELECT 2",
        "CALL ducklake_expire_snapshots(current_database(), older_than => now())",
    ],
)
def test_a_user_query_reaches_neither_files_nor_other_databases(store, sql):
    number = next(lake._numbers) + 1  # of the lake that the query attaches
    with pytest.raises(WarehouseError):
        store.query(sql.format(files=store.files, number=number))
    asked = "SELECT unnest([video_id]) FROM frame_captions, range(1) UNION FROM (VALUES ('b'))"
    assert sorted(store.query(asked).to_series()) == ["a", "b"]


def test_compacting_keeps_the_rows_and_leaves_few_files(store):
    for i in range(30):
        videos = [f"v{i}", "again"]
        put(store, captions(*videos), where={"video_id": videos})
    before = store.read("FROM frame_captions ORDER BY ALL")
    files = Path(store.files)
    assert len([*files.rglob("*.parquet")]) > 60
    store.compact(keep_s=0)
    assert len([*files.rglob("*.parquet")]) < 10
    assert store.read("FROM frame_captions ORDER BY ALL").equals(before)


def test_a_catalogue_that_does_not_answer_is_named(monkeypatch, lake):
    monkeypatch.setenv("PGPORT", "1")
    with pytest.raises(WarehouseError, match=r"dbname=.* cannot be reached"):
        Warehouse(path=lake).exists()
    with pytest.raises(WarehouseError, match=r"dbname=.* does not answer, for 1 s now; see that"):
        Warehouse(path=lake, patience_s=1).read("FROM videos")


def test_a_missing_extension_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb_extension_ducklake", None)
    with pytest.raises(WarehouseError, match=r"duckdb_extension_ducklake; install gap_assets\[cl"):
        lake._new_engine()


def test_commits_and_questions_outlast_restarts_of_postgres(tmp_path, monkeypatch, caplog):
    if (binaries := postgres_binaries()) is None:
        pytest.skip("the Postgres server's programs (initdb, pg_ctl) are not installed")
    with running_postgres(binaries) as server, ThreadPoolExecutor(1) as pool:
        store = Warehouse(path=server.new_lake(monkeypatch), files=str(tmp_path / "files"))
        videos = [f"v{number:02}" for number in range(40)]

        def work() -> list[int]:
            counts = []
            for video in videos:
                put(store, captions(video), where={"video_id": [video]})
                counts.append(store.read("SELECT count(*) FROM frame_captions").item())
            return counts

        counting = pool.submit(work)
        for down_s in (0, 4, 0, 0):
            time.sleep(1)
            server.stop("immediate")
            time.sleep(down_s)
            server.start()
        assert counting.result(300) == list(range(1, 41))
        assert "does not answer" in caplog.text

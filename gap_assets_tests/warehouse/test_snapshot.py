"""The copy for notebooks: complete, never locked, replaced as a whole."""

import duckdb
import polars as pl
import pytest

from gap_assets.dagster.runs import run_everything
from gap_assets.settings import Settings
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.snapshot import LEFT_OUT, snapshot_path, write_snapshot
from gap_assets.warehouse.store import Warehouse


@pytest.fixture
def made_file(made_in_file) -> Settings:
    return made_in_file


def test_a_run_ends_with_a_copy_that_holds_what_the_warehouse_holds(made_in_file):
    warehouse = Warehouse(path=made_in_file.warehouse)
    with duckdb.connect(snapshot_path(made_in_file.warehouse), read_only=True) as copy:
        for table in TABLES:
            if table in LEFT_OUT:
                continue
            [count] = copy.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert count == warehouse.read(f"SELECT count(*) FROM {table}").item(), table
        columns = {row[0] for row in copy.execute("DESCRIBE frames").fetchall()}
        assert columns == set(TABLES["frames"].columns) - {"image"}
        assert copy.execute("SELECT count(*) FROM pairs").fetchone() == (5,)
        [(comment,)] = copy.execute(
            "SELECT comment FROM duckdb_tables() WHERE table_name = 'video_embeddings'"
        ).fetchall()
    assert comment == TABLES["video_embeddings"].description


def test_a_notebook_that_keeps_the_copy_open_holds_up_no_run(copy_of_made):
    path = Warehouse(path=copy_of_made.warehouse).path
    if Warehouse(path=path).is_lake:
        pytest.skip("a lake has no copy: any number of programs read and write at once")
    query = "SELECT count(*) FROM video_summaries"
    write_snapshot(Warehouse(path=path))
    with duckdb.connect(snapshot_path(path), read_only=True) as notebook:
        assert notebook.execute(query).fetchone() == (5,)
        (copy_of_made.data / "excluded.txt").write_text("world-0002\n")
        run_everything(copy_of_made)
        assert notebook.execute(query).fetchone() == (5,)  # what it opened
    with duckdb.connect(snapshot_path(path), read_only=True) as notebook:
        assert notebook.execute(query).fetchone() == (4,)


def test_a_copy_leaves_no_file_beside_it_and_a_lake_has_none(warehouse, tmp_path):
    warehouse.write(lambda connection: None)
    before = {path.name for path in tmp_path.iterdir()}
    written = write_snapshot(warehouse)
    after = {path.name for path in tmp_path.iterdir()}
    assert after - before == ({written.name} if written else set())
    assert (written is None) == warehouse.is_lake


def test_an_odd_path_is_no_sql(tmp_path):
    folder = tmp_path / "it's; DROP TABLE videos"
    folder.mkdir()
    warehouse = Warehouse(path=folder / "gap.duckdb")
    rows = pl.DataFrame({"key": ["k"], "value": ["v"]})
    from gap_assets_tests.rows import put

    put(warehouse, {"warehouse": rows}, where={"key": ["k"]})
    write_snapshot(warehouse)
    with duckdb.connect(snapshot_path(warehouse.path), read_only=True) as copy:
        assert copy.execute("SELECT value FROM warehouse WHERE key = 'k'").fetchone() == ("v",)

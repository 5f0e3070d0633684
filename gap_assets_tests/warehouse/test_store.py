import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import numpy as np
import polars as pl
import pytest

from gap_assets.warehouse.schema import TABLES, holds_embeddings
from gap_assets.warehouse.store import Warehouse, WarehouseError, _with_arrays
from gap_assets_tests.rows import put


def captions(*rows: tuple[str, int, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["video_id", "frame_index", "caption"], orient="row")


def embeddings(video: str, size: int) -> pl.DataFrame:
    vector = pl.Series("embedding", np.ones((1, size), "f4"), dtype=pl.Array(pl.Float32, size))
    return pl.DataFrame({"video_id": [video], "frame_index": [0]}).with_columns(vector)


def test_replacing_a_video_leaves_the_others(warehouse):
    both = captions(("a", 0, "one"), ("a", 1, "two"), ("b", 0, "three"))
    put(warehouse, {"frame_captions": both}, where={"video_id": ["a", "b"]})
    put(warehouse, {"frame_captions": captions(("a", 0, "new"))}, where={"video_id": ["a"]})
    found = warehouse.read("SELECT video_id, caption FROM frame_captions ORDER BY ALL")
    assert found.rows() == [("a", "new"), ("b", "three")]


def test_replacing_by_no_rows_deletes(warehouse):
    where = {"video_id": ["a"]}
    put(warehouse, {"frame_captions": captions(("a", 0, "one"))}, where=where)
    put(warehouse, {"frame_captions": pl.DataFrame()}, where=where)
    assert warehouse.read("FROM frame_captions").is_empty()


def test_columns_are_matched_by_name(warehouse):
    swapped = captions(("a", 0, "one")).select("caption", "frame_index", "video_id")
    put(warehouse, {"frame_captions": swapped}, where={"video_id": ["a"]})
    assert warehouse.read("SELECT caption FROM frame_captions").item() == "one"


def test_a_failing_transaction_changes_nothing(warehouse):
    where = {"video_id": ["a"]}
    put(warehouse, {"frame_captions": captions(("a", 0, "one"))}, where=where)
    unknown_column = captions(("a", 0, "two")).with_columns(surprise=pl.lit(1))
    with pytest.raises(Exception, match="does not have a column"):
        put(
            warehouse,
            {"frame_captions": captions(("a", 0, "two")), "video_summaries": unknown_column},
            where=where,
        )
    assert warehouse.read("SELECT caption FROM frame_captions").item() == "one"


def test_texts_are_data(warehouse):
    text = "'); DROP TABLE frames; --\x1b[31m<script>"
    put(warehouse, {"frame_captions": captions((text, 0, text))}, where={"video_id": [text]})
    assert (
        warehouse.read("SELECT caption FROM frame_captions WHERE video_id = ?", text).item() == text
    )


def test_embeddings_of_another_size_are_refused_with_both_sizes(warehouse):
    put(warehouse, {"frame_embeddings": embeddings("a", 4)}, where={"video_id": ["a"]})
    for table in ("frame_embeddings", "text_embeddings"):
        with pytest.raises(WarehouseError, match="4 dimensions and the model gives 5"):
            put(warehouse, {table: embeddings("b", 5)}, where={"video_id": ["b"]})


def test_embeddings_come_back_as_arrays(warehouse):
    put(warehouse, {"frame_embeddings": embeddings("a", 4)}, where={"video_id": ["a"]})
    for condition, rows in (("true", 1), ("false", 0)):
        found = warehouse.read_embeddings(f"FROM frame_embeddings WHERE {condition}")
        assert len(found["embedding"].to_numpy()) == rows
    cosine = "SELECT list_cosine_similarity(embedding, embedding) FROM frame_embeddings"
    assert warehouse.query(cosine).item() == pytest.approx(1)


def test_every_type_comes_back_as_it_went(warehouse):
    texts = ["", "NUL \0 and 'quotes'", "\U0001f3ac\u202e"]
    references = pl.DataFrame(
        {"video_id": texts, "sentences": [[], texts, None], "timestamps": [[[0.0, 1.5]], [], None]}
    )
    frames = pl.DataFrame({"video_id": texts, "image": [b"", bytes(range(256)), None]})
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    failures = pl.DataFrame({"video_id": texts, "failed_at": [moment, None, moment]})
    rows = {"reference_captions": references, "frames": frames, "failures": failures}
    put(warehouse, rows, where={"video_id": texts})
    for table, frame in rows.items():
        found = warehouse.read(f"SELECT {', '.join(frame.columns)} FROM {table} ORDER BY video_id")
        assert found.rows() == frame.sort("video_id").rows(), table


def test_a_missing_embedding_table_is_empty(warehouse):
    assert warehouse.read_embeddings("FROM frame_embeddings").is_empty()


@pytest.mark.parametrize("query", ["FROM frame_embedings", "SELECT no_such(1)", "FROM no.such"])
def test_a_wrong_query_is_no_empty_table(warehouse, query):
    """A check with such a query would pass without looking."""
    with pytest.raises(duckdb.CatalogException):
        warehouse.read_embeddings(query)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE frames",
        "COPY frames TO 'frames.csv'",
        "FROM read_csv('/etc/passwd')",
        "ATTACH 'other.duckdb'",
        "SELEC 1",
        "SET enable_external_access = true",
    ],
)
def test_a_user_query_can_only_read_the_warehouse(warehouse, sql):
    put(warehouse, {"frame_captions": captions(("a", 0, "one"))}, where={"video_id": ["a"]})
    with pytest.raises(WarehouseError):
        warehouse.query(sql)
    assert warehouse.query("SELECT count(*) FROM frame_captions").item() == 1


def test_no_warehouse_yet(warehouse):
    with pytest.raises(WarehouseError, match="no warehouse at"):
        warehouse.query("SELECT 1")


def test_another_schema_version_is_refused(warehouse):
    with warehouse.transaction() as connection:
        connection.execute("UPDATE warehouse SET value = '0' WHERE key = 'schema_version'")
    with pytest.raises(WarehouseError, match="schema version 0"):
        warehouse.read("FROM frames")


def test_a_warehouse_of_an_older_version_gets_its_new_columns(warehouse):
    """As version 1 left it, with a summary and its embedding."""
    summary = pl.DataFrame({"video_id": ["a"], "summary": ["a dog"]})
    vector = embeddings("a", 4).drop("frame_index")
    put(warehouse, {"video_summaries": summary, "text_embeddings": vector}, where={})
    with warehouse.transaction() as connection:
        for column in ("ended", "unsupported", "fallback"):
            connection.execute(f"ALTER TABLE video_summaries DROP COLUMN {column}")
        connection.execute("ALTER TABLE text_embeddings DROP COLUMN cosine_to_captions")
        connection.execute("UPDATE warehouse SET value = '1' WHERE key = 'schema_version'")
    found = warehouse.read("FROM video_summaries").row(0, named=True)
    assert (found["summary"], found["ended"], found["fallback"]) == ("a dog", None, None)
    assert warehouse.read("SELECT cosine_to_captions FROM text_embeddings").item() is None
    marked = summary.with_columns(ended=pl.lit(True), unsupported=pl.lit(0.5))
    put(warehouse, {"video_summaries": marked}, where={"video_id": ["a"]})
    assert warehouse.read("SELECT unsupported FROM video_summaries").item() == 0.5


def test_an_older_version_counts_frames_once_and_forgets_what_is_made_otherwise(warehouse):
    """As version 2 left it: a video at 1 fps, one with a still, and one in AVI."""
    times = {"steady": [0, 1, 2], "slides": [0, 1, 40], "avi": [0, 1, 2]}
    frames = [(video, i, float(t)) for video, ts in times.items() for i, t in enumerate(ts)]
    videos = [(video, 42.0 if video == "slides" else 3.0, video) for video in times]
    ledger = [(asset, video) for asset in ("videos", "frames", "frame_captions") for video in times]
    tables = {
        "frames": pl.DataFrame(
            frames, schema=["video_id", "frame_index", "timestamp_s"], orient="row"
        ),
        "videos": pl.DataFrame(
            videos, schema=["video_id", "duration_s", "container"], orient="row"
        ),
        "materializations": pl.DataFrame(
            [*ledger, ("gap_metrics", None)], schema=["asset", "video_id"], orient="row"
        ),
    }
    put(warehouse, tables, where={})
    with warehouse.transaction() as connection:
        connection.execute("ALTER TABLE frames DROP COLUMN repeats")
        connection.execute("UPDATE warehouse SET value = '2' WHERE key = 'schema_version'")
    assert warehouse.read("SELECT DISTINCT repeats FROM frames").item() == 1
    left = warehouse.read("SELECT asset, video_id FROM materializations ORDER BY ALL").rows()
    assert left == [
        *(("frame_captions", "steady"), ("frames", "steady")),
        *(("videos", video) for video in sorted(times)),
    ]


def test_untrained_networks_of_an_older_version_become_rows_of_encoders(warehouse):
    """As version 4 left it: a table of vectors of one size, and its entry in the ledger."""
    ledger = pl.DataFrame({"asset": ["untrained_embeddings"], "config_hash": ["right"]})
    put(warehouse, {"materializations": ledger}, where={})
    kind = "FLOAT[]" if warehouse.is_lake else "FLOAT[2]"
    with warehouse.transaction() as connection:
        connection.execute(
            "CREATE TABLE untrained_embeddings (video_id VARCHAR, encoder VARCHAR,"
            f" modality VARCHAR, source VARCHAR, embedding {kind})"
        )
        connection.execute(
            "INSERT INTO untrained_embeddings VALUES"
            " ('a', 'untrained-0', 'video', 'mean', [0.3, 0.4]),"
            " ('a', 'untrained-0', 'text', 'summary', [0, 1])"
        )
        connection.execute("DROP TABLE encoder_embeddings")
        connection.execute("UPDATE warehouse SET value = '4' WHERE key = 'schema_version'")
    moved = warehouse.read("FROM encoder_embeddings ORDER BY modality")
    assert moved["norm"].to_list() == [None, pytest.approx(0.5)]
    assert moved["embedding"].to_list() == [[0, 1], pytest.approx([0.3, 0.4])]
    assert moved["encoder"].to_list() == ["untrained-0"] * 2
    with pytest.raises(duckdb.CatalogException, match="untrained_embeddings"):
        warehouse.read("FROM untrained_embeddings")
    assert warehouse.read("SELECT config_hash FROM materializations").item() == "right"


def test_an_older_version_without_embeddings_yet(warehouse):
    warehouse.read("FROM videos")
    with warehouse.transaction() as connection:
        connection.execute("UPDATE warehouse SET value = '1' WHERE key = 'schema_version'")
    assert warehouse.read_embeddings("FROM text_embeddings").is_empty()
    put(warehouse, {"text_embeddings": embeddings("a", 4).drop("frame_index")}, where={})
    assert warehouse.read("SELECT cosine_to_captions FROM text_embeddings").item() is None


def test_a_type_without_a_place_in_a_frame_is_one_sentence(warehouse):
    warehouse.read("FROM videos")
    with pytest.raises(WarehouseError, match="cast it to VARCHAR"):
        warehouse.query("SELECT now() - max(failed_at) + INTERVAL 1 month FROM failures")


def test_a_file_that_is_no_warehouse(tmp_path):
    (tmp_path / "blocks").mkdir()  # has a "lock" in its name
    warehouse = Warehouse(path=tmp_path / "blocks" / "gap.duckdb")
    warehouse.path.write_bytes(b"something else " * 1000)
    with pytest.raises(WarehouseError, match="cannot be opened as a DuckDB file"):
        warehouse.read("FROM frames")


HOLD = """
import sys
from gap_assets.warehouse.store import Warehouse
with Warehouse(path=sys.argv[1]).transaction():
    print("held", flush=True)
    sys.stdin.read()
"""


READ = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    connection.execute("FROM videos")
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(warehouse: Warehouse, script: str = HOLD) -> subprocess.Popen:
    """Another process that holds the warehouse until its standard input ends."""
    command = [sys.executable, "-c", script, str(warehouse.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen(command, **pipes, text=True)
    assert holder.stdout.readline() == "held\n"
    return holder


WRITE = """
import logging, sys
import polars as pl
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put
path, name, count = sys.argv[1:]
logging.basicConfig(format="%(message)s")
for i in range(int(count)):
    row = pl.DataFrame({"video_id": [f"{name}-{i}"], "frame_index": [0], "caption": [name]})
    where = {"video_id": [f"{name}-{i}"]}
    for _ in range(2):  # The second replaces what the first wrote.
        put(Warehouse(path=path), {"frame_captions": row, "filtered_captions": row}, where=where)
"""


@pytest.mark.parametrize("script", [HOLD, READ], ids=["writer", "reader"])
@pytest.mark.parametrize("seconds", [0, pytest.param(60, marks=pytest.mark.slow)])
def test_many_writers_lose_nothing_and_say_what_they_wait_for(warehouse, seconds, script):
    if warehouse.is_lake and script == READ:
        pytest.skip("nobody waits for a lake's readers")
    warehouse.read("FROM videos")
    holder = hold(warehouse, script)
    started = time.monotonic()
    names = ["a", "b", "c", "d"]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(warehouse.path), name, "5"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for writer in writers:
        assert f"PID {holder.pid}" in writer.stderr.readline()
    if script == READ:
        assert warehouse.query("SELECT count(*) FROM frame_captions").item() == 0
    time.sleep(max(0, seconds - (time.monotonic() - started)))
    holder.communicate()
    for writer in writers:
        said = writer.communicate()[1]
        assert writer.returncode == 0, said
    expected = sorted((f"{name}-{i}", name) for name in names for i in range(5))
    for table in ("frame_captions", "filtered_captions"):
        found = warehouse.read(f"SELECT video_id, caption FROM {table} ORDER BY ALL")
        assert found.rows() == expected


def test_a_writer_waits_for_another_process_and_says_for_whom(warehouse, caplog):
    put(warehouse, {"frame_captions": captions(("a", 0, "one"))}, where={"video_id": ["a"]})
    holder = hold(warehouse)
    with ThreadPoolExecutor() as pool:
        rows = {"frame_captions": captions(("b", 0, "two"))}
        writing = pool.submit(put, warehouse, rows, where={"video_id": ["b"]})
        while f"PID {holder.pid}" not in caplog.text:
            time.sleep(0.1)
        assert not writing.done()
        holder.communicate()
        writing.result()
    assert warehouse.query("SELECT count(*) FROM frame_captions").item() == 2


def test_patience_ends_with_one_sentence(warehouse):
    warehouse.read("FROM frames")
    holder = hold(warehouse)
    with pytest.raises(WarehouseError, match=f"PID {holder.pid}.*close that connection"):
        put(replace(warehouse, patience_s=0.2), {"frames": pl.DataFrame()}, where={})
    holder.kill()
    holder.wait()
    started = time.monotonic()
    put(warehouse, {"frames": pl.DataFrame()}, where={})
    assert time.monotonic() - started < 20, "a killed writer goes on holding the warehouse"


def test_tables_and_columns_say_what_they_hold(warehouse):
    put(warehouse, {"frame_embeddings": embeddings("v", 4)}, where={})
    for table, declared in TABLES.items():
        if holds_embeddings(table) and table != "frame_embeddings":
            continue
        found = warehouse.read(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ?", table
        )
        described = {name: description for name, (_, description) in declared.columns.items()}
        assert dict(found.iter_rows()) == described
        about = "SELECT comment FROM duckdb_tables() WHERE table_name = ?"
        assert warehouse.read(about, table).item() == declared.description


HOLD_TO_READ = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
    " print('held', flush=True); input()"
)


def test_who_keeps_the_file_open_to_read_holds_up_no_reader(tmp_path):
    store = Warehouse(path=tmp_path / "gap.duckdb", patience_s=0.5)
    store.write(lambda connection: None)
    command = [sys.executable, "-c", HOLD_TO_READ, store.path]
    notebook = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert notebook.stdout.readline() == "held\n"
        assert store.read("SELECT count(*) FROM videos").item() == 0
        with pytest.raises(WarehouseError, match=str(notebook.pid)):
            store.write(lambda connection: None)
    finally:
        notebook.communicate("\n")
    store.write(lambda connection: None)


def test_threads_of_one_process_read_and_write_in_turns(tmp_path):
    store = Warehouse(path=tmp_path / "gap.duckdb", patience_s=30)
    store.write(lambda connection: None)

    def add(number: int) -> None:
        statement = "INSERT INTO warehouse VALUES (?, 'x')"
        store.write(lambda connection: connection.execute(statement, [str(number)]) and None)

    def count(_: int) -> int:
        return store.read("SELECT count(*) FROM warehouse WHERE value = 'x'").item()

    with ThreadPoolExecutor(4) as threads:
        counts = threads.map(count, range(60))
        list(threads.map(add, range(20)))
        assert max(counts) <= 20
    assert count(0) == 20


@pytest.mark.parametrize(
    ("vectors", "size"), [([None, [1.0, 2.0]], 2), ([[1.0, 2.0]], 2), ([None], 0), ([], 0)]
)
def test_a_vector_that_is_null_does_not_decide_the_size_of_a_lakes_arrays(vectors, size):
    rows = pl.DataFrame({"embedding": vectors}, schema={"embedding": pl.List(pl.Float32)})
    found = _with_arrays(rows)
    assert found.schema["embedding"] == pl.Array(pl.Float32, size)
    assert found["embedding"].to_list() == vectors

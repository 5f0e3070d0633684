"""Every table of the warehouse as a Parquet file, and the views that are more than a shorthand.

Descriptions of tables and columns go with them as `comment` in the metadata of Arrow's schema.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from gap_assets.export.parquet import write_file
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.views import VIEWS

EXPORTED_VIEWS = ("pairs", "headline_metrics", "captions_over_time")
"""Of the others, `unit_embeddings` repeats all vectors and `made_with` joins two small tables."""

ROWS = 1024  # of a batch; pictures of frames take some 20 kB each
SAMPLE = 500  # rows whose size in a file tells that of all
FILE_NAME = "The file's name."  # of what is a path in the warehouse


def write_tables(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    pictures: bool,
    progress: Callable[[int, int], object],
) -> None:
    """Writes `<table>.parquet` for each.

    Args:
        connection: To a frozen copy of the warehouse.
        folder: Where to; it is there.
        pictures: Whether the stored pictures of the frames go with them.
        progress: Takes the rows that are done, and all of them.
    """
    counts = count_rows(connection)
    total, done = sum(counts.values()), 0

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal done
        for batch in batches:
            yield batch
            done += batch.num_rows
            progress(done, total)

    for name in counts:
        reader = _reader(connection, name, pictures=pictures)
        schema = _described(name, reader.schema)
        write_file(folder / f"{name}.parquet", schema, counted(iter(reader)))


def count_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The rows of each table and view that is there and is exported."""
    there = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        " UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = current_database()"
    ).fetchall()
    names = [name for name in (*TABLES, *EXPORTED_VIEWS) if (name,) in there]
    counts = {}
    for name in names:
        [[counts[name]]] = connection.execute(f"SELECT count(*) FROM {name}").fetchall()  # noqa: S608
    return counts


def estimated_bytes(
    connection: duckdb.DuckDBPyConnection, counts: Mapping[str, int], *, pictures: bool
) -> dict[str, int]:
    """What each table will take as Parquet, by its first rows.

    Args:
        connection: To the warehouse.
        counts: Rows by table.
        pictures: Whether the stored pictures of the frames go with them.
    """
    sizes = {}
    for name, rows in counts.items():
        reader = _reader(connection, name, pictures=pictures, limit=SAMPLE)
        buffer = pa.BufferOutputStream()
        write_file(buffer, reader.schema, reader)
        sizes[name] = buffer.getvalue().size * max(rows, SAMPLE) // SAMPLE
    return sizes


def descriptions(name: str) -> dict[str, str]:
    """What each column of a table or view holds."""
    view = VIEWS.get(name)
    declared = (
        view.columns if view else {c: about for c, (_, about) in TABLES[name].columns.items()}
    )
    return {column: FILE_NAME if column == "path" else about for column, about in declared.items()}


def _reader(
    connection: duckdb.DuckDBPyConnection, name: str, *, pictures: bool, limit: int | None = None
) -> pa.RecordBatchReader:
    """The rows as they are read, batch by batch."""
    declared = TABLES[name].columns if name in TABLES else {}
    blobs = [column for column, (kind, _) in declared.items() if kind == "BLOB"]
    columns = f"* EXCLUDE ({', '.join(blobs)})" if blobs and not pictures else "*"
    query = f"SELECT {columns} FROM {name}" + (f" LIMIT {limit}" if limit else "")  # noqa: S608
    return connection.execute(query).to_arrow_reader(ROWS)


def _described(name: str, schema: pa.Schema) -> pa.Schema:
    about = descriptions(name)
    fields = [field.with_metadata({"comment": about.get(field.name, "")}) for field in schema]
    table = VIEWS[name].description if name in VIEWS else TABLES[name].description
    return pa.schema(fields, {"comment": table})

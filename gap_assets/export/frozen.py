"""One state of the warehouse as a DuckDB file of the export's own, without this machine's paths.

To copy it takes a moment, during which others may read; after that runs go on writing. All parts of
the export are read from the copy, so they agree.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import polars as pl

from gap_assets.export.machine_paths import (
    absolute_paths,
    folders_of,
    outermost,
    shortened,
    without_folders,
)
from gap_assets.settings import Settings
from gap_assets.warehouse.file import UTC
from gap_assets.warehouse.rows import make_views
from gap_assets.warehouse.schema import TABLES, create_table, holds_embeddings, quoted
from gap_assets.warehouse.store import Warehouse
from gap_assets.warehouse.table import EMBEDDING

MEMORY = "1GB"  # for DuckDB's buffers, which grow to 80 % of the machine's where nothing is said

TOLD_BY_THE_MACHINE = ("error", "model", "parameters", "encoder")
"""Columns, in whatever table, whose texts may name a folder; what people or models wrote stays."""


class NothingToExportError(RuntimeError):
    """The data folder holds too little; the message says what to run."""


def freeze(settings: Settings, target: Path) -> list[str]:
    """Copies the warehouse into a new file.

    Args:
        settings: Of the data folder.
        target: The new file.

    Returns:
        The paths of this machine that were taken out of it, by which other texts can be shortened.

    Raises:
        WarehouseError: If another process writes for longer than the warehouse's patience.
    """
    warehouse = Warehouse(path=settings.warehouse)
    size = embedding_size(warehouse)
    with warehouse.reading() as connection:
        if warehouse.is_lake:
            _copy_lake(connection, target, size=size)
        else:
            _copy_file(Path(warehouse.path), target)
    with opened_copy(target) as connection:
        for table in TABLES:
            if holds_embeddings(table):
                connection.execute(create_table(table, embedding=f"FLOAT[{size}]"))
        make_views(connection)
        return _take_paths_out(connection, settings)


@contextmanager
def opened_copy(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a frozen copy, whose memory is bounded."""
    with closing(duckdb.connect(path, config={"memory_limit": MEMORY})) as connection:
        connection.execute(UTC)
        yield connection


def embedding_size(warehouse: Warehouse) -> int:
    """D of the warehouse's embeddings.

    Raises:
        NothingToExportError: If there are none yet.
    """
    found = warehouse.tuples("SELECT value FROM warehouse WHERE key = 'embedding_size'")
    if not found:
        raise NothingToExportError(
            f"The warehouse {warehouse.path} holds no embeddings yet; `gap run` makes them."
        )
    return int(found[0][0])


def _copy_file(path: Path, target: Path) -> None:
    """Copies the file and what it keeps beside itself after a process was killed."""
    shutil.copyfile(path, target)
    log = path.with_name(path.name + ".wal")
    if log.exists():
        shutil.copyfile(log, target.with_name(target.name + ".wal"))


def _copy_lake(connection: duckdb.DuckDBPyConnection, target: Path, *, size: int) -> None:
    """Copies the last commit; embeddings, which are lists in a lake, get their size."""
    connection.execute(f"ATTACH {quoted(str(target))} AS frozen")
    try:
        connection.execute("BEGIN")
        here = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        found = {name for (name,) in connection.execute(here).fetchall()}
        for table in TABLES:
            if table not in found:
                continue
            columns = (
                f"{name}::FLOAT[{size}] AS {name}" if kind == EMBEDDING else name
                for name, (kind, _) in TABLES[table].columns.items()
            )
            query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
            connection.execute(f"CREATE TABLE frozen.{table} AS {query}")
        connection.execute("COMMIT")
    finally:
        connection.execute("DETACH frozen")


def _take_paths_out(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[str]:
    """Leaves the names of files and the last names of folders."""
    folders = connection.execute(
        "SELECT DISTINCT path[1 : len(path) - len(split_part(path, '/', -1))] FROM videos"
    ).fetchall()
    chosen = connection.execute("SELECT DISTINCT parameters FROM configurations").fetchall()
    paths = outermost(
        [
            *folders_of(settings),
            *(folder for (folder,) in folders if folder),
            *(path for (parameters,) in chosen for path in absolute_paths(json.loads(parameters))),
        ]
    )
    for table, declared in TABLES.items():
        for column in declared.columns:
            if column in TOLD_BY_THE_MACHINE:
                _shorten(connection, table, column, paths)
    connection.execute("UPDATE videos SET path = split_part(path, '/', -1)")
    return paths


def _shorten(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, paths: list[str]
) -> None:
    # Names of the schema, as all in these statements.
    query = f"SELECT DISTINCT {column} FROM {table} WHERE contains({column}, '/')"  # noqa: S608
    short = {
        text: without_folders(shortened(text, paths))
        if column == "error"
        else shortened(text, paths)
        for (text,) in connection.execute(query).fetchall()
    }
    changed = {text: new for text, new in short.items() if new != text}
    if not changed:
        return
    new = pl.DataFrame({"before": list(changed), "after": list(changed.values())})
    connection.register("shorter", new.to_arrow())
    connection.execute(
        f"UPDATE {table} SET {column} = after FROM shorter WHERE {column} = before"  # noqa: S608
    )

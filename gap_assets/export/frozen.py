"""One state of the warehouse as a DuckDB file of the export's own, where this machine's paths go.

To copy it takes a moment, during which others may read; after that runs go on writing. All parts of
the export are read from the copy, so they agree.
"""

import json
import shutil
from collections.abc import Callable, Iterator
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

TEXTS = {"before": pl.String, "after": pl.String}
MEMORY = "1GB"  # for DuckDB's buffers, which grow to 80 % of the machine's where nothing is said

NAMES_OF_MODELS = ("model", "parameters", "encoder")
"""Columns, in whatever table, that may name a model's folder; what models or people wrote stays."""


class NothingToExportError(RuntimeError):
    """The data folder holds too little; the message says what to run."""


def freeze(settings: Settings, target: Path) -> list[str]:
    """Copies the warehouse into a new file.

    Args:
        settings: Of the data folder.
        target: The new file.

    Returns:
        The paths of this machine, by which other texts can be shortened. Names of models still
        hold them, for the page finds the gap by them: see `take_folders_out_of_models`.

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
        paths = _paths(connection, settings)
        for table in ("videos", "failures"):
            _shorten(connection, table, "error", lambda e: without_folders(shortened(e, paths)))
        connection.execute("UPDATE videos SET path = split_part(path, '/', -1)")
        return paths


def take_folders_out_of_models(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> None:
    """Leaves the last names of folders in the names of models.

    Args:
        connection: To a frozen copy.
        paths: The machine's.
    """
    for table, declared in TABLES.items():
        for column in declared.columns:
            if column in NAMES_OF_MODELS:
                _shorten(connection, table, column, lambda name: shortened(name, paths))


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


def _paths(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[str]:
    """The folders and files of this machine that the warehouse or the settings know."""
    folders = connection.execute(
        "SELECT DISTINCT path[1 : len(path) - len(split_part(path, '/', -1))] FROM videos"
    ).fetchall()
    chosen = connection.execute("SELECT DISTINCT parameters FROM configurations").fetchall()
    return outermost(
        [
            *folders_of(settings),
            *(folder for (folder,) in folders if folder),
            *(path for (parameters,) in chosen for path in absolute_paths(json.loads(parameters))),
        ]
    )


def _shorten(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, short: Callable[[str], str]
) -> None:
    """Replaces the texts of a column that hold a path; table and column are the schema's names."""
    query = f"SELECT DISTINCT {column} FROM {table} WHERE contains({column}, '/')"  # noqa: S608
    found = [text for (text,) in connection.execute(query).fetchall()]
    new = pl.DataFrame({"before": found, "after": [short(text) for text in found]}, TEXTS)
    connection.register("shorter", new.to_arrow())
    connection.execute(
        f"UPDATE {table} SET {column} = after FROM shorter WHERE {column} = before"  # noqa: S608
    )

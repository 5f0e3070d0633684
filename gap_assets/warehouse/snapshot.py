"""A copy of the warehouse for notebooks and BI tools, replaced as a whole and never locked.

DuckDB lets a file be open in one process that writes or in several that read. A notebook that keeps
the warehouse open holds up every run; a copy that nobody writes to again holds up nobody. It lacks
what is large: the pictures and the embeddings of single frames.
"""

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb

from gap_assets.files import disk_full_as_one_sentence
from gap_assets.warehouse.file import opened
from gap_assets.warehouse.rows import is_prepared, make_views
from gap_assets.warehouse.schema import TABLES, comment_on
from gap_assets.warehouse.store import Warehouse

LEFT_OUT = ("frame_embeddings", "frames.image")


def snapshot_path(warehouse: str | Path) -> Path:
    """Where the copy is: `gap.read.duckdb` beside `gap.duckdb`."""
    return Path(warehouse).with_suffix(".read.duckdb")


def write_snapshot(warehouse: Warehouse) -> Path | None:
    """Copies the warehouse; a program that has the copy of before open goes on reading that.

    Returns:
        The copy; None for a lake, which any number of programs read and write at once.

    Raises:
        WarehouseError: Another program has the warehouse open for longer than its patience.
        DiskFullError: There is no space for the copy.
    """
    if warehouse.is_lake:
        return None
    target = snapshot_path(warehouse.path)
    with (
        disk_full_as_one_sentence(target),
        tempfile.TemporaryDirectory(prefix=".snapshot-", dir=target.parent) as folder,
    ):
        new = Path(folder) / target.name
        with warehouse.transaction() as connection:
            connection.execute("COMMIT")  # An attached file joins no transaction begun before it.
            _copy_tables(connection, new)
            connection.execute("BEGIN")
        with closing(duckdb.connect(new)) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                for statement in comment_on(table):
                    if not any(left in statement for left in LEFT_OUT):
                        connection.execute(statement)
            make_views(connection)
        new.replace(target)
    return target


def readable(warehouse: Warehouse) -> Warehouse:
    """What to read without holding up a run: the copy, or the warehouse where there is none.

    A copy that another version of this program made counts as none. Of a lake there is none.

    Raises:
        WarehouseError: The copy is of a later version of this program.
    """
    if warehouse.is_lake or not (copy := snapshot_path(warehouse.path)).exists():
        return warehouse
    with opened(copy, patience_s=warehouse.patience_s, read_only=True) as connection:
        current = is_prepared(connection)
    return replace(warehouse, path=copy) if current else warehouse


def _copy_tables(connection: duckdb.DuckDBPyConnection, new: Path) -> None:
    """Copies all tables but what is left out into a new file, from one state of the warehouse."""
    connection.execute(f"ATTACH '{str(new).replace(chr(39), chr(39) * 2)}' AS snapshot")
    try:
        here = "database_name = current_database()"
        found = connection.execute(f"SELECT table_name FROM duckdb_tables() WHERE {here}")  # noqa: S608
        for (table,) in found.fetchall():
            if table not in TABLES or table in LEFT_OUT:
                continue
            left = [name for name in TABLES[table].columns if f"{table}.{name}" in LEFT_OUT]
            columns = f"* EXCLUDE ({', '.join(left)})" if left else "*"
            connection.execute(f"CREATE TABLE snapshot.{table} AS SELECT {columns} FROM {table}")  # noqa: S608
    finally:
        connection.execute("DETACH snapshot")

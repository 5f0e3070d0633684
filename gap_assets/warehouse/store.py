"""Transactions on the warehouse: replace the rows of some videos, read rows, wait for a lock.

What the tables are is `schema`'s business; which rows are current is `ledger`'s.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from gap_assets.warehouse.schema import SCHEMA_VERSION, TABLES, create_table, holds_embeddings

log = logging.getLogger(__name__)


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """One DuckDB file. Connections last for one transaction only, so that others get their turn.

    Attributes:
        path: The file; made by the first write.
        patience_s: How long to wait for another process that holds the file, in seconds.
    """

    path: Path
    patience_s: float = 300.0

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection inside one transaction: committed at the end, or rolled back as a whole.

        Raises:
            WarehouseError: If another process holds the file for longer than `patience_s`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect(read_only=False)
        try:
            connection.execute("BEGIN")
            _prepare(connection)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # An open transaction is rolled back.

    def replace(
        self, rows: Mapping[str, pl.DataFrame], *, where: Mapping[str, Sequence[Any]]
    ) -> None:
        """Replaces rows of several tables in one transaction.

        Args:
            rows: The new rows by table; the columns are matched by name. An empty frame inserts
                nothing, so the old rows just go.
            where: Which old rows go: column name to the values that are replaced. A table must
                have all of these columns. Empty: all rows of the tables.

        Raises:
            WarehouseError: If the embeddings are of another size than the warehouse's.
        """
        with self.transaction() as connection:
            for table, frame in rows.items():
                replace_rows(connection, table, frame, where=where)

    def read(self, query: str, *parameters: Any) -> pl.DataFrame:
        """Runs one of the platform's own queries.

        Args:
            query: SQL with `?` for each parameter; a value is never pasted into it.
            *parameters: The values; a list stands for `unnest(?)` or `= ANY(?)`.
        """
        with self.transaction() as connection:
            return connection.sql(query, params=list(parameters)).pl()

    def read_embeddings(self, query: str, *parameters: Any) -> pl.DataFrame:
        """Like `read`, of a table that exists only once embeddings have been stored."""
        try:
            return self.read(query, *parameters)
        except duckdb.CatalogException:
            return pl.DataFrame()

    def query(self, sql: str) -> pl.DataFrame:
        """Runs a user's SQL on a read-only connection that reaches nothing but this file.

        Raises:
            WarehouseError: If there is no warehouse yet, or the SQL is wrong.
        """
        if not self.path.exists():
            raise WarehouseError(f"There is no warehouse at {self.path} yet; `gap run` makes it.")
        connection = self._connect(read_only=True)
        try:
            connection.execute("SET enable_external_access = false")
            return connection.sql(sql).pl()
        except AttributeError as error:  # A statement without a result is no relation.
            raise WarehouseError("The statement returns no rows; ask with SELECT.") from error
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from error
        finally:
            connection.close()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.patience_s
        pause = 0.02
        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only)
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise WarehouseError(
                        f"{self.path} cannot be opened as a DuckDB file ({error}); restore it from"
                        " a backup or move it away to start anew."
                    ) from error
                holder = _holder(error)
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"{self.path} has been held by {holder} for {self.patience_s:.0f} s; close"
                        " that connection and run this again."
                    ) from error
                if pause > 1:
                    log.warning("Waiting for the warehouse: %s is held by %s.", self.path, holder)
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: pl.DataFrame,
    *,
    where: Mapping[str, Sequence[Any]],
) -> None:
    """Replaces rows of one table within the caller's transaction (see `Warehouse.replace`)."""
    if table not in TABLES:
        raise ValueError(f"{table} is not a table of the warehouse")  # Names below are ours.
    if holds_embeddings(table) and not _has_table(connection, table):
        if rows.is_empty():
            return
        connection.execute(create_table(table, embedding_size=_embedding_size(connection, rows)))
    condition = " AND ".join(f"{column} = ANY(?)" for column in where) or "true"
    values = [list(value) for value in where.values()]
    connection.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608
    if rows.is_empty():
        return
    if "embedding" in rows.columns:
        _embedding_size(connection, rows)
    connection.register("new_rows", rows.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM new_rows")  # noqa: S608
    connection.unregister("new_rows")


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables of a new file, and refuses a file of another schema version."""
    if _has_table(connection, "warehouse"):
        version = _remembered(connection, "schema_version")
        if version != str(SCHEMA_VERSION):
            raise WarehouseError(
                f"The warehouse has schema version {version}, this program writes"
                f" {SCHEMA_VERSION}; use the program that made it, or another data folder."
            )
        return
    for table in TABLES:
        if not holds_embeddings(table):
            connection.execute(create_table(table, embedding_size=None))
    connection.execute("INSERT INTO warehouse VALUES ('schema_version', ?)", [str(SCHEMA_VERSION)])


def _embedding_size(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> int:
    """The warehouse's embedding size; the first embeddings decide it."""
    dtype = rows.schema["embedding"]
    assert isinstance(dtype, pl.Array)
    size = dtype.shape[0]
    found = _remembered(connection, "embedding_size")
    if found is None:
        connection.execute("INSERT INTO warehouse VALUES ('embedding_size', ?)", [str(size)])
    elif int(found) != size:
        raise WarehouseError(
            f"The warehouse holds embeddings of {found} dimensions and the model gives {size};"
            " another model needs a data folder of its own (--data)."
        )
    return size


def _remembered(connection: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """A value of the table `warehouse`."""
    # DuckDB 2 wants a result fetched to its end before the next statement.
    rows = connection.execute("SELECT value FROM warehouse WHERE key = ?", [key]).fetchall()
    return str(rows[0][0]) if rows else None


def _has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE table_name = ?"
    return bool(connection.execute(query, [table]).fetchall())


def _holder(error: duckdb.IOException) -> str:
    """Who holds the file, as DuckDB says it."""
    found = re.search(r"held in (.+? \(PID \d+\))", str(error))
    return found.group(1) if found else "another process"

"""Transactions on the warehouse: replace the rows of some videos, read rows.

What the tables are is `schema`'s business; which rows are current is `ledger`'s; how to get a
connection is that of `file` and `lake`.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from gap_assets.disk import telling_of_a_full_disk
from gap_assets.warehouse import file, lake
from gap_assets.warehouse.schema import (
    SCHEMA_VERSION,
    TABLES,
    UPGRADES,
    create_table,
    holds_embeddings,
)
from gap_assets.warehouse.waiting import NoWarehouseError, go_on_waiting
from gap_assets.warehouse.waiting import WarehouseError as WarehouseError

MISSING_TABLE = re.compile(r"Table with name (\w+) does not exist")  # DuckDB's words

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """One DuckDB file, or one DuckLake. A connection lasts for one transaction only.

    Attributes:
        path: The file, or the URL of the lake: `ducklake:postgres:` and a libpq connection string.
        files: Where a lake that is not there yet shall keep its Parquet files: a folder or a URL.
        patience_s: How long to wait for another process to finish writing, in seconds.
    """

    path: str | Path
    files: str | None = None
    patience_s: float = 300.0

    @property
    def is_lake(self) -> bool:
        """Whether `path` is the URL of a DuckLake."""
        return str(self.path).startswith(lake.URL)

    def exists(self) -> bool:
        """Whether anything has been written yet."""
        return lake.exists(str(self.path)) if self.is_lake else Path(self.path).exists()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection inside one transaction: committed at the end, or rolled back as a whole.

        No other process writes meanwhile. What is not there yet is made.

        Raises:
            WarehouseError: If another process goes on writing for longer than `patience_s`.
            DiskFullError: If there is no space left.
        """
        with self._alone() as connection:
            connection.execute("BEGIN")
            _prepare(connection)
            yield connection
            connection.execute("COMMIT")

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Does some work in one transaction; again if the Postgres of a lake went away meanwhile.

        Args:
            work: Must change nothing more when done twice, for its first commit may have succeeded.

        Raises:
            WarehouseError: If it is away, or another process writes, for longer than `patience_s`.
        """
        self._patiently(self.transaction, work)

    def read(
        self, query: str, *parameters: Any, videos: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Runs one of the platform's own queries.

        Args:
            query: SQL with `?` for each parameter; a value is never pasted into it.
            *parameters: The values.
            videos: Ids that the query finds in the table `given`, as in
                `WHERE video_id IN (FROM given)`.
        """

        def ask(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
            if videos is not None:
                # A table, for DuckDB takes 0.1 ms to bind each value of a list.
                given = pl.DataFrame({"video_id": videos}, schema={"video_id": pl.String})
                connection.register("given", given.to_arrow())
            return _with_arrays(connection.sql(query, params=list(parameters)).pl())

        return self._patiently(self._reading, ask)

    def tuples(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Like `read`, for a command that answers at once: a frame takes 0.2 s of imports."""
        return self._patiently(
            self._reading, lambda connection: connection.execute(query, parameters).fetchall()
        )

    def read_embeddings(
        self, query: str, *parameters: Any, videos: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Like `read`, but without rows where a table of embeddings has not been made yet.

        Raises:
            duckdb.CatalogException: If the query names anything else that is not there.
        """
        try:
            return self.read(query, *parameters, videos=videos)
        except duckdb.CatalogException as error:
            missing = MISSING_TABLE.search(str(error))
            if missing and missing[1] in TABLES and holds_embeddings(missing[1]):
                return pl.DataFrame()
            raise

    def query(self, sql: str) -> pl.DataFrame:
        """Runs a user's SQL on a read-only connection that reaches nothing but the warehouse.

        Raises:
            WarehouseError: If there is no warehouse yet, or the SQL is wrong.
        """
        connected = (
            lake.confined(str(self.path))
            if self.is_lake
            else file.confined(Path(self.path), patience_s=self.patience_s)
        )
        with connected as connection:
            try:
                if self.is_lake:
                    lake.refuse_escapes(connection, sql)
                return connection.sql(sql).pl()
            except AttributeError as error:  # A statement without a result is no relation.
                raise WarehouseError("The statement returns no rows; ask with SELECT.") from error
            except duckdb.Error as error:
                raise WarehouseError(str(error)) from error
            except pl.exceptions.PolarsError as error:
                raise WarehouseError(
                    f"A column is of a type that has no place in a table of values ({error});"
                    " cast it to VARCHAR."
                ) from error

    def compact(self, *, keep_s: float = 86_400.0) -> None:
        """Merges the small files that commits to a lake leave; a single file is just tidied up.

        Others may write between the steps.

        Args:
            keep_s: How long what others may still be reading is kept, in seconds.
        """
        for statement in lake.compaction(keep_s=keep_s) if self.is_lake else ["CHECKPOINT"]:
            with self._alone() as connection:
                connection.execute(statement)

    def _patiently(
        self,
        connected: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
        work: Callable[[duckdb.DuckDBPyConnection], T],
    ) -> T:
        """Does some work on a connection; again while the Postgres of a lake is away."""
        since = time.monotonic()
        while True:
            try:
                with connected() as connection:
                    return work(connection)
            except Exception as error:
                if not (self.is_lake and lake.is_away(error)):
                    raise
                state, advice = f"{self.path} does not answer", "see that its Postgres runs"
                go_on_waiting(state, advice, since=since, patience_s=self.patience_s)
            time.sleep(1)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one query; what is not there yet is made."""
        with ExitStack() as stack:
            connection = None
            if self.is_lake:
                with suppress(NoWarehouseError):
                    connection = stack.enter_context(lake.reading(str(self.path)))
            if connection is None or not _is_prepared(connection):
                stack.close()
                connection = stack.enter_context(self.transaction())
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[duckdb.DuckDBPyConnection]:
        opened = (
            lake.writing(str(self.path), files=self.files, patience_s=self.patience_s)
            if self.is_lake
            else file.opened(Path(self.path), patience_s=self.patience_s)
        )
        with telling_of_a_full_disk(self.path), opened as connection:
            yield connection


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: pl.DataFrame,
    *,
    where: Mapping[str, Sequence[Any]],
) -> None:
    """Replaces rows of one table within the caller's transaction.

    Args:
        connection: The transaction.
        table: One of `schema.TABLES`.
        rows: The new rows; the columns are matched by name. An empty frame inserts nothing, so the
            old rows just go.
        where: Which old rows go: column name to the values that are replaced. Empty: all.

    Raises:
        WarehouseError: If the embeddings are of another size than the warehouse's.
    """
    if table not in TABLES:
        raise ValueError(f"{table} is not a table of the warehouse")  # Names below are ours.
    if holds_embeddings(table) and not _has_table(connection, table):
        if rows.is_empty():
            return
        connection.execute(create_table(table, embedding=_embedding_type(connection, rows)))
    for column, values in where.items():
        connection.register(f"given_{column}", pl.DataFrame({column: values}).to_arrow())
    condition = " AND ".join(f"{column} IN (FROM given_{column})" for column in where) or "true"
    connection.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608
    if rows.is_empty():
        return
    if "embedding" in rows.columns:
        _embedding_size(connection, rows)
    connection.register("new_rows", rows.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM new_rows")  # noqa: S608


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables of a new warehouse, or brings an older one up to this schema version."""
    if _is_prepared(connection):
        return
    if not _has_table(connection, "warehouse"):
        for table in TABLES:
            if not holds_embeddings(table):
                connection.execute(create_table(table))
        version = [str(SCHEMA_VERSION)]
        connection.execute("INSERT INTO warehouse VALUES ('schema_version', ?)", version)
        return
    found = int(_remembered(connection, "schema_version") or 0)
    for version_before in range(found, SCHEMA_VERSION):
        for statement in UPGRADES[version_before]:
            connection.execute(statement)
    connection.execute(
        "UPDATE warehouse SET value = ? WHERE key = 'schema_version'", [str(SCHEMA_VERSION)]
    )


def _is_prepared(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether all is there, as this program writes it.

    Raises:
        WarehouseError: If it is of a version that cannot be brought up to this one.
    """
    if not _has_table(connection, "warehouse"):
        return False
    version = _remembered(connection, "schema_version")
    if version in [str(older) for older in UPGRADES]:
        return False
    if version != str(SCHEMA_VERSION):
        raise WarehouseError(
            f"The warehouse has schema version {version}, this program writes"
            f" {SCHEMA_VERSION}; use the program that made it, or another data folder."
        )
    return True


def _with_arrays(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a lake's lists of floats as arrays, which they are in a file."""
    lists = [name for name, dtype in rows.schema.items() if dtype == pl.List(pl.Float32)]
    return rows.with_columns(
        pl.col(name).list.to_array(len(rows[name][0]) if len(rows) else 0) for name in lists
    )


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


def _embedding_type(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> str:
    query = "SELECT type FROM duckdb_databases() WHERE database_name = current_database()"
    [[kind]] = connection.execute(query).fetchall()
    # DuckLake has no arrays of a fixed size.
    return "FLOAT[]" if kind == "ducklake" else f"FLOAT[{_embedding_size(connection, rows)}]"


def _remembered(connection: duckdb.DuckDBPyConnection, key: str) -> str | None:
    """A value of the table `warehouse`."""
    # DuckDB 2 wants a result fetched to its end before the next statement.
    rows = connection.execute("SELECT value FROM warehouse WHERE key = ?", [key]).fetchall()
    return str(rows[0][0]) if rows else None


def _has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    query = (
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND table_name = ?"
    )
    return bool(connection.execute(query, [table]).fetchall())

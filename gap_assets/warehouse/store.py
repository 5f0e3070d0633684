"""Transactions on the warehouse, and reading from it.

What the tables are is `schema`'s business; how rows are replaced is that of `rows`; which rows are
current is `ledger`'s; how to get a connection is that of `file` and `lake`.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from gap_assets.files import disk_full_as_one_sentence
from gap_assets.warehouse import file, lake
from gap_assets.warehouse.rows import is_prepared, prepare
from gap_assets.warehouse.schema import (
    TABLES,
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
            prepare(connection)
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
            # As a relation with parameters it would take sixty times as long to fetch arrays.
            found = (
                connection.execute(query, list(parameters)) if parameters else connection.sql(query)
            )
            return _with_arrays(found.pl())

        return self._patiently(self.reading, ask)

    def tuples(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Like `read`, for a command that answers at once: a frame takes 0.2 s of imports."""
        return self._patiently(
            self.reading, lambda connection: connection.execute(query, parameters).fetchall()
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
            lake.open_lake_for_queries(str(self.path))
            if self.is_lake
            else file.open_for_queries(Path(self.path), patience_s=self.patience_s)
        )
        with connected as connection, sql_as_one_sentence():
            if self.is_lake:
                lake.refuse_escapes(connection, sql)
            return connection.sql(sql).pl()

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
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that reads; what is not there yet is made.

        Meanwhile other processes may write to a lake, but only read a file.

        Raises:
            WarehouseError: If another process goes on writing for longer than `patience_s`.
        """
        with ExitStack() as stack:
            connection = None
            if self.is_lake:
                with suppress(NoWarehouseError):
                    connection = stack.enter_context(lake.reading(str(self.path)))
            elif Path(self.path).exists():
                opened = file.opened(Path(self.path), patience_s=self.patience_s, read_only=True)
                connection = stack.enter_context(opened)
            if connection is None or not is_prepared(connection):
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
        with disk_full_as_one_sentence(self.path), opened as connection:
            yield connection


@contextmanager
def sql_as_one_sentence() -> Iterator[None]:
    """Turns what is wrong with a user's SQL into one sentence.

    Raises:
        WarehouseError: The block failed because of the SQL.
    """
    try:
        yield
    except AttributeError as error:  # A statement without a result is no relation.
        raise WarehouseError("The statement returns no rows; ask with SELECT.") from error
    except duckdb.Error as error:
        raise WarehouseError(_in_short(error)) from error
    except pl.exceptions.PolarsError as error:
        raise WarehouseError(
            f"A column is of a type that has no place in a table of values ({error});"
            " cast it to VARCHAR."
        ) from error


def _in_short(error: duckdb.Error) -> str:
    """What DuckDB says of a user's SQL, without its kind of error and the lists that follow."""
    said = re.sub(r"^(?:\w+ )+Error: ", "", str(error).strip())
    return re.split(r"\s*\n\s*(?:Candidate|LINE \d+:)", said)[0]


def _with_arrays(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a lake's lists of floats as arrays, which they are in a file.

    Lists of several sizes, as those of several encoders, stay lists.
    """
    lists = [name for name, dtype in rows.schema.items() if dtype == pl.List(pl.Float32)]
    # A null has no size; where all are null, none is known.
    sizes = {name: rows[name].list.len().drop_nulls().unique().to_list() for name in lists}
    return rows.with_columns(
        pl.col(name).list.to_array(found[0] if found else 0)
        for name, found in sizes.items()
        if len(found) <= 1
    )

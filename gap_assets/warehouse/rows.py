"""Rows of the tables: how they are replaced, and frames of rows with their types.

Connections and transactions are `store`'s business, what the tables are is `schema`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from gap_assets.warehouse.schema import (
    SCHEMA_VERSION,
    TABLES,
    comment_on,
    create_table,
    holds_embeddings,
    row_types,
)
from gap_assets.warehouse.upgrades import UPGRADES
from gap_assets.warehouse.views import VIEWS, create_view
from gap_assets.warehouse.waiting import WarehouseError as WarehouseError


def by_video(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each video, in their order."""
    if rows.is_empty():
        return {}
    parts = rows.partition_by("video_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}


def typed_rows(
    table: str, rows: Iterable[Sequence[Any]], *, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """A frame of rows of a table, typed as its columns are, also when there are no rows.

    Args:
        table: One of `schema.TABLES`.
        rows: Values in the order of the columns.
        columns: Which columns they are; default: all but embeddings.
    """
    types = row_types(table)
    schema = {name: types[name] for name in columns or types}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: pl.DataFrame,
    *,
    where: Mapping[str, Sequence[Any]] | pl.DataFrame,
) -> None:
    """Replaces rows of one table within the caller's transaction.

    Args:
        connection: The transaction.
        table: One of `schema.TABLES`.
        rows: The new rows; the columns are matched by name. An empty frame inserts nothing, so the
            old rows just go.
        where: Which old rows go: column name to the values that are replaced, or a frame of the
            keys that are. An empty mapping: all.

    Raises:
        WarehouseError: If the embeddings are of another size than the warehouse's.
    """
    if table not in TABLES:
        raise ValueError(f"{table} is not a table of the warehouse")  # Names below are ours.
    if holds_embeddings(table) and not _has_table(connection, table):
        if rows.is_empty():
            return
        make_table(connection, table, embedding=_embedding_type(connection, rows))
        make_views(connection)
    if isinstance(where, pl.DataFrame):
        connection.register("given_keys", where.to_arrow())
        condition = f"({', '.join(where.columns)}) IN (FROM given_keys)"
    else:
        for column, values in where.items():
            connection.register(f"given_{column}", pl.DataFrame({column: values}).to_arrow())
        condition = " AND ".join(f"{column} IN (FROM given_{column})" for column in where) or "true"
    connection.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608
    if rows.is_empty():
        return
    if "embedding" in rows.columns and holds_embeddings(table):
        _embedding_size(connection, rows)
    connection.register("new_rows", rows.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM new_rows")  # noqa: S608


def make_table(connection: duckdb.DuckDBPyConnection, table: str, *, embedding: str = "") -> None:
    """Makes one of `schema.TABLES`, with what it and its columns mean as DuckDB's comments."""
    connection.execute(create_table(table, embedding=embedding))
    _describe(connection, table)


def _describe(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    for statement in comment_on(table):
        connection.execute(statement)


def make_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the views whose tables are all there."""
    kind = "SELECT type FROM duckdb_databases() WHERE database_name = current_database()"
    is_file = connection.execute(kind).fetchall() == [("duckdb",)]
    for name, view in VIEWS.items():
        if all(_has_table(connection, table) for table in view.tables):
            for statement in create_view(name, describe_columns=is_file):
                connection.execute(statement)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables of a new warehouse, or brings an older one up to this schema version."""
    if is_prepared(connection):
        return
    is_new = not _has_table(connection, "warehouse")
    for table in TABLES:
        if not holds_embeddings(table) and not _has_table(connection, table):
            make_table(connection, table)
    if is_new:
        make_views(connection)
        version = [str(SCHEMA_VERSION)]
        connection.execute("INSERT INTO warehouse VALUES ('schema_version', ?)", version)
        return
    found = int(_remembered(connection, "schema_version") or 0)
    for version_before in range(found, SCHEMA_VERSION):
        for statement in UPGRADES[version_before]:
            connection.execute(statement)
    for table in TABLES:
        if _has_table(connection, table):
            _describe(connection, table)
    make_views(connection)
    connection.execute(
        "UPDATE warehouse SET value = ? WHERE key = 'schema_version'", [str(SCHEMA_VERSION)]
    )


def is_prepared(connection: duckdb.DuckDBPyConnection) -> bool:
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

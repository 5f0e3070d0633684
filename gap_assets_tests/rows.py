"""Rows put into a warehouse by a test, past the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from gap_assets.warehouse.rows import replace_rows
from gap_assets.warehouse.store import Warehouse


def put(
    warehouse: Warehouse, rows: Mapping[str, pl.DataFrame], *, where: Mapping[str, Sequence[Any]]
) -> None:
    """Replaces rows of several tables in one transaction, as `replace_rows` does those of one."""

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        for table, frame in rows.items():
            replace_rows(connection, table, frame, where=where)

    warehouse.write(work)

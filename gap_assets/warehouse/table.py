"""What a table of the warehouse is: its columns with their types and meanings, and its key.

Nothing here names a table; `gap_assets.warehouse.schema` lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

PolarsType = pl.DataType | type[pl.DataType]

POLARS_TYPES: dict[str, PolarsType] = {
    "VARCHAR": pl.String,
    "VARCHAR[]": pl.List(pl.String),
    "INTEGER[]": pl.List(pl.Int32),
    "FLOAT[]": pl.List(pl.Float32),
    "DOUBLE[][]": pl.List(pl.List(pl.Float64)),
    "INTEGER": pl.Int32,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "BOOLEAN": pl.Boolean,
    "BLOB": pl.Binary,
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}

EMBEDDING = "FLOAT[D]"
"""The type of an embedding, whose size D is that of the warehouse's CoCa."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        description: What a row is, in one line.
        columns: By name: DuckDB's type, and what it holds, with its unit.
        key: The columns that tell rows apart. Uniqueness is kept by replacing a video's rows in one
            transaction and verified by an asset check: DuckDB's own constraints reject a key that
            is deleted and inserted in the same transaction.
    """

    description: str
    columns: Mapping[str, tuple[str, str]]
    key: tuple[str, ...] = ()


VIDEO = ("VARCHAR", "The video; the file's stem unless two files share it.")
FRAME = ("INTEGER", "The sampled frame, counted from 0.")
CUT = ("BOOLEAN", "Whether text was left out because the model reads no more.")

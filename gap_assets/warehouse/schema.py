"""All tables of the warehouse, and what is made of their declarations.

The DDL, DuckDB's comments, the checks' keys and the UI's Columns tab come from here. What the
videos and the corpus have is declared in `video_tables` and `corpus_tables`; the books that the
warehouse keeps of itself are declared below. Nothing here reads or writes rows.
"""

from gap_assets.warehouse.corpus_tables import CORPUS_TABLES
from gap_assets.warehouse.table import EMBEDDING, POLARS_TYPES, VIDEO, PolarsType, Table
from gap_assets.warehouse.video_tables import VIDEO_TABLES

SCHEMA_VERSION = 5

BOOKS: dict[str, Table] = {
    "failures": Table(
        description="What could not be made of a video, and why.",
        columns={
            "video_id": VIDEO,
            "asset": ("VARCHAR", "What could not be made."),
            "error_type": ("VARCHAR", "The kind of error."),
            "error": ("VARCHAR", "The reason, in one sentence."),
            "failed_at": ("TIMESTAMPTZ", "When it was tried."),
        },
        key=("video_id", "asset"),
    ),
    "materializations": Table(
        description="The ledger: what each stored result was made from.",
        columns={
            "asset": ("VARCHAR", "The asset."),
            "video_id": ("VARCHAR", "The video; null for an asset of all videos."),
            "config_hash": ("VARCHAR", "Hash of all that determines the result."),
            "settings": ("VARCHAR", "Hash of the settings alone."),
            "run_id": ("VARCHAR", "Dagster's run that made it."),
            "n_rows": ("BIGINT", "Rows that it has in its table."),
            "seconds": ("DOUBLE", "Seconds that it took."),
            "materialized_at": ("TIMESTAMPTZ", "When it was stored."),
        },
        key=("asset", "video_id"),
    ),
    "configurations": Table(
        description="What the hashes in materializations.settings stand for.",
        columns={
            "settings": ("VARCHAR", "The hash."),
            "asset": ("VARCHAR", "The asset."),
            "code_version": ("VARCHAR", "Version of the code that made it."),
            "model": ("VARCHAR", "The model and its weights, if one is used."),
            "parameters": ("VARCHAR", "Everything that was chosen, as JSON."),
            "first_used": ("TIMESTAMPTZ", "When a run first made something with it."),
        },
        key=("settings", "asset"),
    ),
    "warehouse": Table(
        description="What the warehouse knows about itself.",
        columns={
            "key": ("VARCHAR", "The name of a fact."),
            "value": ("VARCHAR", "The fact."),
        },
        key=("key",),
    ),
}

TABLES: dict[str, Table] = {**VIDEO_TABLES, **CORPUS_TABLES, **BOOKS}


def create_table(table: str, *, embedding: str = "") -> str:
    """The DDL of one table.

    Args:
        table: A key of `TABLES`.
        embedding: The type of an embedding column; a table with embeddings needs it.
    """
    columns = (
        f"{name} {embedding if kind == EMBEDDING else kind}"
        for name, (kind, _) in TABLES[table].columns.items()
    )
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})"


def comment_on(table: str) -> list[str]:
    """Statements that give a table and its columns their descriptions."""
    declared = TABLES[table]
    on_columns = (
        f"COMMENT ON COLUMN {table}.{name} IS {quoted(description)}"
        for name, (_, description) in declared.columns.items()
    )
    return [f"COMMENT ON TABLE {table} IS {quoted(declared.description)}", *on_columns]


def row_types(table: str) -> dict[str, PolarsType]:
    """The polars type of each column of a table but embeddings, whose size is not declared."""
    kinds = {name: kind for name, (kind, _) in TABLES[table].columns.items()}
    return {name: POLARS_TYPES[kind] for name, kind in kinds.items() if kind != EMBEDDING}


def holds_embeddings(table: str) -> bool:
    """Whether the table can be made only once the embedding size is known."""
    return any(kind == EMBEDDING for kind, _ in TABLES[table].columns.values())


def quoted(text: str) -> str:
    """A text as SQL's literal."""
    return "'" + text.replace("'", "''") + "'"

"""The tables of the warehouse, as explicit DDL. Nothing here reads or writes rows."""

SCHEMA_VERSION = 2

# Uniqueness is kept by replacing a video's rows in one transaction and verified by an asset check:
# DuckDB's own constraints reject a key that is deleted and inserted in the same transaction.
TABLES: dict[str, str] = {
    "videos": """
        video_id VARCHAR, path VARCHAR, bytes BIGINT, modified_ns BIGINT, container VARCHAR,
        codec VARCHAR, width INTEGER, height INTEGER, rotation INTEGER, fps DOUBLE,
        duration_s DOUBLE, status VARCHAR, error VARCHAR, content_hash VARCHAR""",
    "frames": """
        video_id VARCHAR, frame_index INTEGER, timestamp_s DOUBLE, width INTEGER, height INTEGER,
        image BLOB""",
    "frame_captions": """
        video_id VARCHAR, frame_index INTEGER, caption VARCHAR, logprob DOUBLE""",
    "frame_embeddings": """
        video_id VARCHAR, frame_index INTEGER, embedding {embedding}""",
    "filtered_captions": """
        video_id VARCHAR, rank INTEGER, frame_index INTEGER, caption VARCHAR,
        cluster_size INTEGER""",
    "video_summaries": """
        video_id VARCHAR, summary VARCHAR, n_captions INTEGER, truncated BOOLEAN,
        ended BOOLEAN, unsupported DOUBLE, fallback VARCHAR""",
    "video_embeddings": """
        video_id VARCHAR, fusion VARCHAR, embedding {embedding}, norm DOUBLE, n_frames INTEGER""",
    "text_embeddings": """
        video_id VARCHAR, source VARCHAR, embedding {embedding}, n_tokens INTEGER,
        truncated BOOLEAN, cosine_to_captions DOUBLE""",
    "untrained_embeddings": """
        video_id VARCHAR, encoder VARCHAR, modality VARCHAR, source VARCHAR,
        embedding {embedding}""",
    "projections": """
        video_id VARCHAR, modality VARCHAR, method VARCHAR, x DOUBLE, y DOUBLE""",
    "gap_metrics": """
        encoder VARCHAR, video_source VARCHAR, text_source VARCHAR, metric VARCHAR, value DOUBLE,
        ci_low DOUBLE, ci_high DOUBLE, n INTEGER""",
    "reference_captions": """
        video_id VARCHAR, caption VARCHAR, sentences VARCHAR[], timestamps DOUBLE[][],
        split VARCHAR, dataset VARCHAR""",
    "failures": """
        video_id VARCHAR, asset VARCHAR, error_type VARCHAR, error VARCHAR,
        failed_at TIMESTAMPTZ""",
    "materializations": """
        asset VARCHAR, video_id VARCHAR, config_hash VARCHAR, settings VARCHAR, run_id VARCHAR,
        n_rows BIGINT, seconds DOUBLE, materialized_at TIMESTAMPTZ""",
    "warehouse": "key VARCHAR, value VARCHAR",
}

# What turns the tables of an older version into those of the next; rows that are there get nulls.
# A table of embeddings may not be there yet.
UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS ended BOOLEAN",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS unsupported DOUBLE",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS fallback VARCHAR",
        "ALTER TABLE IF EXISTS text_embeddings ADD COLUMN IF NOT EXISTS cosine_to_captions DOUBLE",
    ),
}


def create_table(table: str, *, embedding: str = "") -> str:
    """The DDL of one table.

    Args:
        table: A key of `TABLES`.
        embedding: The type of an embedding column; a table with embeddings needs it.
    """
    return f"CREATE TABLE IF NOT EXISTS {table} ({TABLES[table].format(embedding=embedding)})"


def holds_embeddings(table: str) -> bool:
    """Whether the table can be made only once the embedding size is known."""
    return "{embedding}" in TABLES[table]

"""What brings a warehouse of an older schema version up to that of `schema`."""

# What turns the tables of an older version into those of the next; rows that are there get nulls.
# A table of embeddings may not be there yet.
UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS ended BOOLEAN",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS unsupported DOUBLE",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS fallback VARCHAR",
        "ALTER TABLE IF EXISTS text_embeddings ADD COLUMN IF NOT EXISTS cosine_to_captions DOUBLE",
    ),
    2: (  # New tables are made by themselves.
        "ALTER TABLE filtered_captions ADD COLUMN IF NOT EXISTS frames INTEGER[]",
    ),
}

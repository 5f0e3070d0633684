"""What turns the tables of an older schema version into those of the next.

Belongs here: statements that add columns, that move rows to another table, and that take from the
ledger what this program makes otherwise. A table that is new is made by itself, before these.
"""

# Until version 2 a picture that stayed for more than 10 s counted once, so that the step to the
# next frame, or to the end, is longer than is usual in its video; and in files without presentation
# times frames were taken too early.
MADE_OTHERWISE = """
    SELECT video_id FROM (
        SELECT video_id, duration_s, container, timestamp_s AS since,
            lead(timestamp_s) OVER (PARTITION BY video_id ORDER BY frame_index) AS until
        FROM frames JOIN videos USING (video_id)
    ) GROUP BY video_id
    HAVING max(coalesce(until, duration_s) - since)
        > greatest(10, 1.5 * coalesce(median(until - since), 0))
        OR any_value(container) IN ('avi', 'mpegvideo')
"""

FORGET_WHAT_IS_MADE_OTHERWISE = f"""
    DELETE FROM materializations WHERE asset NOT IN ('videos', 'reference_captions') AND (
        video_id IN ({MADE_OTHERWISE}) OR (video_id IS NULL AND EXISTS ({MADE_OTHERWISE}))
    )
"""  # noqa: S608

# Of several texts the length of the mean was not kept.
UNTRAINED_NETWORKS_ARE_ENCODERS = (
    """
    CREATE TABLE IF NOT EXISTS untrained_embeddings
        (video_id VARCHAR, encoder VARCHAR, modality VARCHAR, source VARCHAR, embedding FLOAT[])
    """,
    """
    INSERT INTO encoder_embeddings BY NAME
    SELECT encoder, video_id, modality, source, embedding::FLOAT[] AS embedding,
        CASE WHEN modality <> 'text'
        THEN sqrt(list_inner_product(embedding::FLOAT[], embedding::FLOAT[]))::DOUBLE END AS norm
    FROM untrained_embeddings
    """,
    "DROP TABLE untrained_embeddings",
)

# A table of embeddings may not be there yet.
UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS ended BOOLEAN",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS unsupported DOUBLE",
        "ALTER TABLE video_summaries ADD COLUMN IF NOT EXISTS fallback VARCHAR",
        "ALTER TABLE IF EXISTS text_embeddings ADD COLUMN IF NOT EXISTS cosine_to_captions DOUBLE",
    ),
    2: (
        "ALTER TABLE filtered_captions ADD COLUMN IF NOT EXISTS frames INTEGER[]",
        "ALTER TABLE frames ADD COLUMN IF NOT EXISTS repeats INTEGER DEFAULT 1",
        FORGET_WHAT_IS_MADE_OTHERWISE,
    ),
    3: ("ALTER TABLE IF EXISTS text_embeddings ADD COLUMN IF NOT EXISTS norm DOUBLE",),
    4: UNTRAINED_NETWORKS_ARE_ENCODERS,
}
"""By the older version. Rows that are there get nulls, or the default."""

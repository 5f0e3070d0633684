"""Embeddings of whole videos and of their texts, in CoCa's shared space."""

from collections.abc import Sequence

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.assets.chunks import ChunkConfig, materialize_videos
from gap_assets.assets.common import GPU_POOL, by_video, embedding_column, table, video_asset
from gap_assets.fusion import FUSIONS
from gap_assets.resources import CocaModel, WarehouseResource
from gap_assets.warehouse.ledger import Results

# A text source is one text a video, or several whose unit embeddings are averaged as frames are.
TEXTS = """
    SELECT * FROM (
        SELECT video_id, 'summary' AS source, summary AS text, 0 AS position FROM video_summaries
        WHERE summary <> ''
        UNION ALL SELECT video_id, 'captions', caption, frame_index FROM frame_captions
        UNION ALL SELECT video_id, 'filtered', caption, rank FROM filtered_captions
        UNION ALL SELECT video_id, 'reference', caption, 0 FROM reference_captions
    ) WHERE video_id = ANY(?) ORDER BY video_id, source, position
"""


@video_asset("video_embeddings", group="embeddings", kinds={"numpy"})
def video_embeddings(
    context: dg.AssetExecutionContext, config: ChunkConfig, warehouse: WarehouseResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One vector a video and fusion: mean (the default), medoid, max and middle frame.

    Stored as fused, not normalised again, with its norm: the norm of a mean says how alike the
    frames are. Whoever compares cosines normalises first, as `gap_metrics` does.
    """
    store = warehouse.open()

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        frames = store.read_embeddings(
            "SELECT video_id, embedding FROM frame_embeddings WHERE video_id = ANY(?)"
            " ORDER BY video_id, frame_index",
            videos,
        )
        keys, vectors = [], []
        for video, rows in by_video(frames).items():
            embeddings = rows["embedding"].to_numpy()
            for fusion, fuse in FUSIONS.items():
                vectors.append(fuse(embeddings))
                keys.append((video, fusion, float(np.linalg.norm(vectors[-1])), len(embeddings)))
        rows = table(keys, video_id=pl.String, fusion=pl.String, norm=pl.Float64, n_frames=pl.Int32)
        if vectors:
            rows = rows.with_columns(embedding_column(np.stack(vectors)))
        return Results(rows={"video_embeddings": rows})

    [result] = materialize_videos(
        context, ["video_embeddings"], compute, warehouse=store, config=config, unit="vectors"
    )
    return result


@video_asset("text_embeddings", group="embeddings", kinds={"pytorch"}, pool=GPU_POOL)
def text_embeddings(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """CoCa's embedding of what is said about each video, as unit vectors.

    Four sources: the `summary`, all frame `captions`, the `filtered` captions, and the human
    `reference`. Where a source has several texts, their unit embeddings are averaged and the mean
    is normalised. `n_tokens` counts all of them; `truncated` says that one did not fit.
    """
    from gap_assets.coca.text import embed_texts

    store = warehouse.open()

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        texts = store.read(TEXTS, videos)
        if texts.is_empty():
            return Results(rows={"text_embeddings": texts})
        distinct = texts["text"].unique(maintain_order=True)
        embedded = embed_texts(coca.load(), distinct.to_list())
        index = {text: i for i, text in enumerate(distinct)}
        keys, vectors = [], []
        for (video, source), rows in texts.group_by("video_id", "source", maintain_order=True):
            which = [index[text] for text in rows["text"]]
            vector = embedded.embeddings[which].mean(axis=0, dtype=np.float64)
            vectors.append(vector / np.linalg.norm(vector))
            tokens, cut = embedded.n_tokens[which].sum(), embedded.truncated[which].any()
            keys.append((video, source, int(tokens), bool(cut)))
        rows = table(
            keys, video_id=pl.String, source=pl.String, n_tokens=pl.Int32, truncated=pl.Boolean
        )
        vectors_column = embedding_column(np.stack(vectors).astype(np.float32))
        return Results(rows={"text_embeddings": rows.with_columns(vectors_column)})

    [result] = materialize_videos(
        context, ["text_embeddings"], compute, warehouse=store, config=config, unit="vectors"
    )
    return result

"""From frame captions to one text: filtered captions and summaries."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.dagster.per_video import ChunkConfig, materialize_videos
from gap_assets.dagster.resources import (
    CaptionFilter,
    CocaModel,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.dagster.specs import GPU_POOL, video_asset
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import by_video, table

if TYPE_CHECKING:
    from gap_assets.pipeline.captions import Calibration


@video_asset("filtered_captions", group="captions", kinds={"scipy"}, pool=GPU_POOL)
def filtered_captions(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    caption_filter: CaptionFilter,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The captions of each video that say something new, in the order of the video.

    `cluster` compares captions in CoCa's text space, centred by the mean of a fixed set of
    captions so that a narrow cone does not make all of them look alike, and keeps one caption per
    cluster. `run_length` drops repeats of the caption before. `none` keeps all.
    """
    from gap_assets.pipeline.captions import filter_captions

    store = warehouse.open()

    @cache
    def calibration() -> "Calibration | None":
        return caption_filter.calibrate(coca)

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        captions = store.read(
            "SELECT video_id, frame_index, caption FROM frame_captions"
            " WHERE video_id IN (FROM given) ORDER BY video_id, frame_index",
            videos=videos,
        )
        embeddings = {}
        if caption_filter.method == "cluster" and len(captions):
            from gap_assets.coca.text import embed_texts

            texts = captions["caption"].unique(maintain_order=True).to_list()
            embeddings = dict(zip(texts, embed_texts(coca.load(), texts).embeddings, strict=True))
        kept = []
        for video, rows in by_video(captions).items():
            texts = rows["caption"].to_list()
            for rank, caption in enumerate(
                filter_captions(
                    texts,
                    method=caption_filter.method,
                    embeddings=np.stack([embeddings[t] for t in texts]) if embeddings else None,
                    calibration=calibration(),
                )
            ):
                position = caption.position
                frame = rows["frame_index"][position]
                kept.append((video, rank, frame, texts[position], caption.cluster_size))
        return Results(
            rows={
                "filtered_captions": table(
                    kept,
                    video_id=pl.String,
                    rank=pl.Int32,
                    frame_index=pl.Int32,
                    caption=pl.String,
                    cluster_size=pl.Int32,
                )
            }
        )

    return materialize_videos(
        context,
        "filtered_captions",
        compute,
        warehouse=store,
        config=config,
        unit="captions",
        load=calibration,
    )


@video_asset("video_summaries", group="captions", kinds={"huggingface"}, pool=GPU_POOL)
def video_summaries(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    summarizer: SummarizerModel,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One sentence about each video, written by a language model from the filtered captions.

    Three columns say how far to trust it. `ended`: false where the model ran into the token limit;
    the text is then cut back to its last full sentence. `unsupported`: the share of its content
    words that occur in no caption that the model was shown. `fallback`: why the text is the most
    typical caption instead of the model's own words; it wrote nothing (`empty`), or the prompt's
    own `example`. A fourth, its cosine to the filtered captions, is made where their embeddings
    are: `cosine_to_captions` in `text_embeddings`.
    """
    from gap_assets.summaries.summarizer import summarize

    store = warehouse.open()

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        captions = by_video(
            store.read(
                "SELECT video_id, caption FROM filtered_captions"
                " WHERE video_id IN (FROM given) ORDER BY video_id, rank",
                videos=videos,
            )
        )
        summaries = (
            summarize(
                summarizer.load(),
                [rows["caption"].to_list() for rows in captions.values()],
                prompt=summarizer.prompt,
                max_new_tokens=summarizer.max_new_tokens,
                repetition_penalty=summarizer.repetition_penalty,
                batch_tokens=summarizer.batch_tokens,
            )
            if captions
            else []
        )
        return Results(
            rows={
                "video_summaries": table(
                    (
                        (
                            video,
                            summary.text,
                            summary.n_captions,
                            summary.truncated,
                            summary.ended,
                            summary.unsupported,
                            summary.fallback,
                        )
                        for video, summary in zip(captions, summaries, strict=True)
                    ),
                    video_id=pl.String,
                    summary=pl.String,
                    n_captions=pl.Int32,
                    truncated=pl.Boolean,
                    ended=pl.Boolean,
                    unsupported=pl.Float64,
                    fallback=pl.String,
                )
            }
        )

    return materialize_videos(
        context,
        "video_summaries",
        compute,
        warehouse=store,
        config=config,
        unit="summaries",
        load=summarizer.load,
    )

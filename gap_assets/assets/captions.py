"""From frames to text: frame captions (with their embeddings), filtered captions, summaries."""

from collections.abc import Iterator, Sequence

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.assets.chunks import ChunkConfig, materialize_videos
from gap_assets.assets.common import (
    GPU_POOL,
    by_video,
    table,
    video_asset,
    video_spec,
)
from gap_assets.embedding import embedding_column
from gap_assets.familiarity import unfamiliar_videos
from gap_assets.profiles import PROFILES
from gap_assets.resources import (
    CaptionFilter,
    Captioning,
    CocaModel,
    Sources,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.warehouse.ledger import Results

FRAME_KEY = {"video_id": pl.String, "frame_index": pl.Int32}


@dg.multi_asset(
    specs=[
        video_spec(
            "frame_captions",
            group="captions",
            kinds={"pytorch"},
            description="A caption of every frame by CoCa, with its mean log-probability per"
            " token. Made in the same pass through the image encoder as `frame_embeddings`.",
        ),
        video_spec(
            "frame_embeddings",
            group="embeddings",
            kinds={"pytorch"},
            description="CoCa's contrastive embedding of every frame: unit vectors in float32, of"
            " the space that `text_embeddings` share.",
        ),
    ],
    can_subset=True,
    pool=GPU_POOL,
)
def described_frames(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    captioning: Captioning,
    sources: Sources,
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """One pass of CoCa's image encoder gives the caption and the embedding of a frame."""
    from gap_assets.coca.engine import describe_frames, embed_frames

    store = warehouse.open()
    one_pass = captioning.weights in (None, coca.weights)

    def compute(videos: list[str], wanted: Sequence[str]) -> Results:
        frames = store.read(
            "SELECT video_id, frame_index, image FROM frames WHERE video_id = ANY(?)"
            " ORDER BY video_id, frame_index",
            videos,
        )
        keys, pictures = frames.select(*FRAME_KEY), frames["image"]
        rows = {}
        if "frame_captions" in wanted and len(frames):
            model = coca.load(weights=captioning.weights)
            batches = list(
                describe_frames(
                    model, pictures, decode=captioning.core(), batch_size=coca.batch_size
                )
            )
            captions = [caption for batch in batches for caption in batch.captions]
            rows["frame_captions"] = keys.with_columns(
                caption=pl.Series([c.text for c in captions], dtype=pl.String),
                logprob=pl.Series([c.logprob for c in captions], dtype=pl.Float64),
            )
            embeddings = np.concatenate([batch.embeddings for batch in batches])
        if "frame_embeddings" in wanted and len(frames):
            if not (one_pass and "frame_captions" in wanted):
                embeddings = embed_frames(coca.load(), pictures, batch_size=coca.batch_size)
            rows["frame_embeddings"] = keys.with_columns(embedding_column(embeddings))
        return Results(rows={asset: rows.get(asset, keys) for asset in wanted})

    wanted = [
        asset
        for asset in ("frame_captions", "frame_embeddings")
        if dg.AssetKey(asset) in context.selected_asset_keys
    ]
    yield from materialize_videos(
        context, wanted, compute, warehouse=store, config=config, unit="frames"
    )
    videos = list(context.partition_keys)
    if unfamiliar := unfamiliar_videos(store, PROFILES[sources.profile], videos=videos):
        context.log.warning(unfamiliar)


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
    from gap_assets.captions.filtering import filter_captions

    store = warehouse.open()
    calibration = None

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        nonlocal calibration
        captions = store.read(
            "SELECT video_id, frame_index, caption FROM frame_captions WHERE video_id = ANY(?)"
            " ORDER BY video_id, frame_index",
            videos,
        )
        embeddings = {}
        if caption_filter.method == "cluster" and len(captions):
            from gap_assets.coca.text import embed_texts

            calibration = calibration or caption_filter.calibrate(coca)
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
                    calibration=calibration,
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

    [result] = materialize_videos(
        context, ["filtered_captions"], compute, warehouse=store, config=config, unit="captions"
    )
    return result


@video_asset("video_summaries", group="captions", kinds={"huggingface"}, pool=GPU_POOL)
def video_summaries(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    summarizer: SummarizerModel,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """One sentence about each video, written by a language model from the filtered captions."""
    from gap_assets.summaries.summarizer import summarize

    store = warehouse.open()

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        captions = by_video(
            store.read(
                "SELECT video_id, caption FROM filtered_captions WHERE video_id = ANY(?)"
                " ORDER BY video_id, rank",
                videos,
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
                        (video, summary.text, summary.n_captions, summary.truncated)
                        for video, summary in zip(captions, summaries, strict=True)
                    ),
                    video_id=pl.String,
                    summary=pl.String,
                    n_captions=pl.Int32,
                    truncated=pl.Boolean,
                )
            }
        )

    [result] = materialize_videos(
        context, ["video_summaries"], compute, warehouse=store, config=config, unit="summaries"
    )
    return result

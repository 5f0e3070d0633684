"""From frame captions to one text: filtered captions and summaries."""

from functools import cache, partial

import dagster as dg

from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import (
    CaptionFilter,
    CocaModel,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.dagster.specs import GPU_POOL, video_asset
from gap_assets.pipeline.captions import calibrate_model, filter_videos
from gap_assets.pipeline.models import resident_summarizer
from gap_assets.pipeline.summaries import summarize_videos


@video_asset("filtered_captions", group="captions", kinds={"scipy"}, pool=GPU_POOL)
def filtered_captions(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    caption_filter: CaptionFilter,
) -> VideoEvents:
    """The captions of each video that say something new, in the order of the video.

    `cluster` compares captions in CoCa's text space, centred by the mean of a fixed set of
    captions so that a narrow cone does not make all of them look alike, and keeps one caption per
    cluster; `frames` says which frames it stands for. `run_length` drops repeats of the caption
    before. `none` keeps all.
    """
    store = warehouse.open()
    calibration = cache(partial(calibrate_model, coca, caption_filter))
    return materialize_videos(
        context,
        "filtered_captions",
        partial(
            filter_videos,
            warehouse=store,
            coca=coca,
            caption_filter=caption_filter,
            calibration=calibration,
        ),
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
) -> VideoEvents:
    """One sentence about each video, written by a language model from the filtered captions.

    Three columns say how far to trust it. `ended`: false where the model ran into the token limit;
    the text is then cut back to its last full sentence. `unsupported`: the share of its content
    words that occur in no caption that the model was shown. `fallback`: why the text is the most
    typical caption instead of the model's own words; it wrote nothing (`empty`), or the prompt's
    own `example`. A fourth, its cosine to the filtered captions, is made where their embeddings
    are: `cosine_to_captions` in `text_embeddings`.
    """
    store = warehouse.open()
    return materialize_videos(
        context,
        "video_summaries",
        partial(summarize_videos, warehouse=store, summarizer=summarizer),
        warehouse=store,
        config=config,
        unit="summaries",
        load=partial(resident_summarizer, summarizer),
    )

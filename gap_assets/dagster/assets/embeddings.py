"""Embeddings of whole videos and of their texts, in CoCa's shared space."""

from functools import partial

import dagster as dg

from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import CocaModel, WarehouseResource
from gap_assets.dagster.specs import GPU_POOL, video_asset
from gap_assets.pipeline.embeddings import embed_video_texts, embed_videos
from gap_assets.pipeline.models import resident_coca


@video_asset("video_embeddings", group="embeddings", kinds={"numpy"})
def video_embeddings(
    context: dg.AssetExecutionContext, config: ChunkConfig, warehouse: WarehouseResource
) -> VideoEvents:
    """One vector a video and fusion: mean (the default), medoid, max and middle frame.

    Stored as fused, not normalised again, with its norm: the norm of a mean says how alike the
    frames are. Normalise them before you compare cosines, as `gap_metrics` does.
    """
    store = warehouse.open()
    compute = partial(embed_videos, warehouse=store)
    return materialize_videos(
        context, "video_embeddings", compute, warehouse=store, config=config, unit="vectors"
    )


@video_asset("text_embeddings", group="embeddings", kinds={"pytorch"}, pool=GPU_POOL)
def text_embeddings(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
) -> VideoEvents:
    """CoCa's embedding of what is said about each video, as unit vectors.

    Four sources: the `summary`, all frame `captions`, the `filtered` captions, and the human
    `reference`. Where a source has several texts, their unit embeddings are averaged and the mean
    is normalised. `n_tokens` counts all of them; `truncated` says that one did not fit.
    `cosine_to_captions` is the cosine to the mean of the filtered captions: how near a summary
    stays to what it was made of. It is made here, where CoCa has read both, so that no step needs
    CoCa and the language model at once.
    """
    store = warehouse.open()
    return materialize_videos(
        context,
        "text_embeddings",
        partial(embed_video_texts, warehouse=store, coca=coca),
        warehouse=store,
        config=config,
        unit="vectors",
        load=partial(resident_coca, coca),
    )

"""Sentences that say when they are true, and the gap in time."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, materialize_whole
from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import CocaModel, GapStatistics, WarehouseResource
from gap_assets.dagster.specs import GPU_POOL, video_asset, whole_asset
from gap_assets.pipeline.event_metrics import measure_events
from gap_assets.pipeline.events import embed_events


@video_asset("event_embeddings", group="embeddings", kinds={"pytorch"}, pool=GPU_POOL)
def event_embeddings(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
) -> VideoEvents:
    """CoCa's embedding of each human sentence that has times, beside the frames of that time.

    The mean of the frames inside the event is stored as it is, with its norm, so that a dot product
    with it is the mean cosine over frames. An event is cut to its video; a time that cannot be used
    keeps its sentence and says why in `problem`. A video without times has no rows and is current.
    """
    store = warehouse.open()
    # Without `load`: where no sentence has times, no model is needed.
    compute = partial(embed_events, warehouse=store, coca=coca)
    return materialize_videos(
        context, "event_embeddings", compute, warehouse=store, config=config, unit="sentences"
    )


@whole_asset("event_metrics", group="gap", kinds={"numpy"})
def event_metrics(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The gap in time: sentences against frames inside their event, outside of it, and elsewhere.

    Mean cosines, ranks, and the debiased gap by length and frames of the event, with two controls:
    frames drawn at random from the video, and one still. Each with a 95 % confidence interval from
    resampling videos with all of their events. Without sentences that have times it has no rows.
    """
    store = warehouse.open()

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        return {"event_metrics": measure_events(store, statistics=statistics)}, {}

    return materialize_whole(context, "event_metrics", compute, warehouse=store, config=config)

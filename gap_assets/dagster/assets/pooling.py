"""What pooling does: the gap by how many frames and captions become one vector."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, materialize_whole
from gap_assets.dagster.resources import CocaModel, GapStatistics, WarehouseResource
from gap_assets.dagster.specs import GPU_POOL, whole_asset
from gap_assets.graph import POOLING
from gap_assets.pipeline.models import resident_coca
from gap_assets.pipeline.pooling_profile import profile_pooling


@whole_asset(POOLING, group="gap", kinds={"pytorch"}, pool=GPU_POOL)
def pooling_profile(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The gap by frames and captions that are pooled, and by how much a text says.

    Gap, cones and paired cosine of means of 1, 2, 4 and 8 frames and captions of the same videos,
    as they are and as unit vectors: one frame with one caption is the like-for-like number with
    pictures and captions. And the gap of texts of one length that say 1, 2 or more different
    captions: what texts leave out is the paper of Schrodi et al.'s explanation. At most 200 videos.
    """
    store = warehouse.open()

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        rows = profile_pooling(resident_coca(coca), store, statistics=statistics)
        return {POOLING: rows}, {"videos": max(rows["n"], default=0)}

    return materialize_whole(context, POOLING, compute, warehouse=store, config=config)

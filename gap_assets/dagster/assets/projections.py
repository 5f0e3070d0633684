"""The pictures' coordinates: fitted on all pairs, looked up or placed for each video."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, materialize_whole
from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import GapStatistics, Sources, WarehouseResource
from gap_assets.dagster.specs import video_asset, whole_asset
from gap_assets.gap.projections import ProjectionModel
from gap_assets.pipeline.projections import fit_on_all_pairs, place_videos, projection_file


@whole_asset("projection_model", group="gap", kinds={"umap", "numpy"})
def projection_model(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    sources: Sources,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """UMAP, the paper's uncentred SVD and the axis of the gap, fitted on all pairs at once.

    Stored as a file in the report's folder. UMAP is seeded; the number of parts of its neighbour
    graph is reported, because the distance between separate parts means nothing.
    """
    store = warehouse.open()
    path = projection_file(sources.report)

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        facts = fit_on_all_pairs(store, statistics=statistics, path=path)
        return {}, {**facts, "path": dg.MetadataValue.path(str(path))}

    return materialize_whole(
        context,
        "projection_model",
        compute,
        warehouse=store,
        config=config,
        made=path.exists,
    )


@video_asset("projections", group="gap", kinds={"umap"})
def projections(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    sources: Sources,
    statistics: GapStatistics,
) -> VideoEvents:
    """Where each video and its text lie in the pictures: UMAP, SVD and gap axis.

    Videos of the fit have the coordinates of the fit; later ones are placed among them.
    """
    store = warehouse.open()
    # One for the run: it keeps the neighbour index that placing new videos needs.
    model = cache(partial(ProjectionModel.load, projection_file(sources.report)))
    compute = partial(place_videos, warehouse=store, statistics=statistics, model=model)
    return materialize_videos(
        context, "projections", compute, warehouse=store, config=config, unit="points"
    )

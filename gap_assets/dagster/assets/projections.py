"""The pictures' coordinates: fitted on all pairs, looked up or placed for each video."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, materialize_whole
from gap_assets.dagster.per_video import ChunkConfig, materialize_videos
from gap_assets.dagster.resources import GapStatistics, Sources, WarehouseResource
from gap_assets.dagster.specs import video_asset, whole_asset
from gap_assets.gap.projections import ProjectionModel, fit_projections
from gap_assets.pipeline.corpus import main_pair, read_corpus
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import table


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
    path = projection_file(sources)

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        _, video, text = main_pair(read_corpus(store), statistics)
        model = fit_projections(video, text, seed=statistics.seed, neighbors=statistics.neighbors)
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
        return {}, {
            "pairs": len(video),
            "components of the UMAP graph": model.graph_components,
            "cross-modal edge share": model.cross_modal_edge_share,
            "path": dg.MetadataValue.path(str(path)),
        }

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
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Where each video and its text lie in the pictures: UMAP, SVD and gap axis.

    Videos of the fit have the coordinates of the fit; later ones are placed among them.
    """
    store = warehouse.open()

    @cache
    def model() -> ProjectionModel:
        # One for the run: it keeps the neighbour index that placing new videos needs.
        return ProjectionModel.load(projection_file(sources))

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        video_ids, video, text = main_pair(read_corpus(store, videos=videos), statistics)
        rows = []
        if video_ids:
            for method, points in model().place(video, text).items():
                rows += [
                    (video_id, modality, method, *points[i + offset])
                    for offset, modality in ((0, "video"), (len(video), "text"))
                    for i, video_id in enumerate(video_ids)
                ]
        columns = {"video_id": pl.String, "modality": pl.String, "method": pl.String}
        return Results(rows={"projections": table(rows, **columns, x=pl.Float64, y=pl.Float64)})

    return materialize_videos(
        context, "projections", compute, warehouse=store, config=config, unit="points"
    )


def projection_file(sources: Sources) -> Path:
    """The file of the fitted projections."""
    return Path(sources.report) / "projections.npz"

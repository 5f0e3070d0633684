"""What all videos say together: untrained controls, gap metrics and the report."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, is_current, materialize_whole
from gap_assets.dagster.resources import (
    Captioning,
    CocaModel,
    Encoders,
    FrameSampling,
    GapStatistics,
    Sources,
    SummarizerModel,
    WarehouseResource,
    choices_in,
)
from gap_assets.dagster.run_metadata import picture_in_markdown
from gap_assets.dagster.specs import GPU_POOL, tried_again_later, whole_asset
from gap_assets.gap.projections import ProjectionModel
from gap_assets.gap.reporting.files import ReportFiles, report_files
from gap_assets.gap.reporting.report import write_report
from gap_assets.graph import CONES, CONTROLS, ENCODERS, POOLING
from gap_assets.pipeline.metrics import main_metrics, measure_gap, metric_plan
from gap_assets.pipeline.models import drop_models, untrained_coca
from gap_assets.pipeline.projections import projection_file
from gap_assets.pipeline.provenance import in_words
from gap_assets.pipeline.report import read_report_inputs
from gap_assets.pipeline.untrained import (
    count_frames,
    embed_controls,
    plan_controls,
    rows_of_untrained,
)
from gap_assets.profiles import profile_of
from gap_assets.progress import report_progress

REPORT_URL = "GAP_REPORT_URL"
"""The variable with the address that `gap dev` serves the report's folder at."""


@whole_asset(CONTROLS, group="gap", kinds={"pytorch"}, pool=GPU_POOL)
def untrained_embeddings(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Some of the frames and texts by networks that were never trained: the gap before learning.

    One set of embeddings per random seed, of the same architecture, for up to a few hundred videos
    and the text that the gap is measured on, and of pictures of noise. The paper explains the gap
    by the cones of untrained networks; these rows are that baseline. How much they see is bounded
    by a share of the corpus's frames. They are rows of the table `encoder_embeddings`.
    """
    store = warehouse.open()

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        from gap_assets.coca.cost import encoding_flop

        controls = plan_controls(count_frames(store), statistics, flop=encoding_flop(coca.model))
        drop_models()  # Of what is made after the controls, at most the cones need a trained one.
        rows = embed_controls(
            partial(untrained_coca, coca),
            store,
            controls=controls,
            text_source=statistics.text_source,
            batch_size=coca.batch_size,
            say=context.log.info,
            progress=partial(report_progress, CONTROLS),
        )
        seen = {"networks": controls.networks, "pictures": controls.pictures}
        return {ENCODERS: rows}, seen

    return materialize_whole(
        context,
        CONTROLS,
        compute,
        warehouse=store,
        config=config,
        replaces=partial(rows_of_untrained, store),
        tells_progress=True,
    )


@whole_asset("gap_metrics", group="gap", kinds={"numpy"})
def gap_metrics(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    encoders: Encoders,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The numbers: modality gap, cones, paired and mismatched cosine, RMG and many more.

    Each with a 95 % confidence interval from resampling videos, for every pair of sources, for
    every other encoder on the videos of which its rows are current, and for the untrained networks,
    if those are current: a control of other videos or texts is none. Every row names its encoder,
    its two sources and its number of pairs.
    """
    store = warehouse.open()
    with tried_again_later(context):
        controlled = is_current(context, CONTROLS, warehouse=store)

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        rows = measure_gap(
            store, coca=coca, encoders=encoders, statistics=statistics, controlled=controlled
        )
        return {"gap_metrics": rows}, {}

    result = materialize_whole(
        context,
        "gap_metrics",
        compute,
        warehouse=store,
        config=config,
        without=() if controlled else (CONTROLS,),
    )
    main = main_metrics(store, coca=coca, statistics=statistics)
    return result._replace(metadata={**(result.metadata or {}), **main})


@whole_asset("gap_report", group="gap", kinds={"html", "matplotlib"})
def gap_report(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    sources: Sources,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel,
    sampling: FrameSampling,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The gap report: one HTML page with the verdict, the scorecard and the figures.

    The page and its numbers as JSON are in the folder `report` of the data folder; the picture
    below is its preview.
    """
    store = warehouse.open()
    files = report_files(Path(sources.report))
    with tried_again_later(context):
        stale = [a for a in (CONES, POOLING) if not is_current(context, a, warehouse=store)]

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        inputs = read_report_inputs(
            store,
            plan=metric_plan(coca, statistics),
            projections=ProjectionModel.load(projection_file(sources.report)),
            profile=profile_of(coca.model),
            expects_controls=statistics.untrained_seeds > 0,
            without=stale,
            facts={
                "Videos folder": ", ".join(str(place) for place in sources.places),
                **in_words(choices_in(context, "gap_report")),
            },
        )
        write_report(inputs, Path(sources.report))
        return {}, {"videos": len(inputs.video_ids), "warnings": len(inputs.warnings)}

    result = materialize_whole(
        context,
        "gap_report",
        compute,
        warehouse=store,
        config=config,
        made=lambda: all(file.exists() for file in files),
        without=stale,
    )
    return result._replace(metadata={**(result.metadata or {}), **_shown(files)})


def _shown(files: ReportFiles) -> dict[str, Any]:
    """The report's verdict, place and picture, for the UI; a skipped run keeps them.

    A picture by its address is short enough for the UI to show at once; where nothing serves it, it
    is part of the metadata, behind a click.
    """
    served = os.environ.get(REPORT_URL)
    picture = f"![]({served}/{files.preview_png.name})" if served else None
    url = f"{served}/{files.html.name}" if served else files.html.absolute().as_uri()
    embedded = picture_in_markdown(files.preview_png.read_bytes(), kind="png")
    told = json.loads(files.json.read_text(encoding="utf-8"))
    return {
        "verdict": told["verdict"],
        "report": dg.MetadataValue.url(url),
        "report file": dg.MetadataValue.path(files.html),
        "preview": dg.MetadataValue.md(picture or embedded),
    }

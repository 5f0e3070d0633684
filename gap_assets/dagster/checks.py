"""Asset checks over the whole warehouse. Each reads rows and counts what is wrong with them.

They are unpartitioned: a check of a range run is stored once for the run, not once per video.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from gap_assets.dagster.executors import needs
from gap_assets.dagster.resources import (
    CaptionFilter,
    Captioning,
    CocaModel,
    Encoders,
    FrameSampling,
    GapStatistics,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.dagster.specs import preview_table
from gap_assets.gap.metric_rows import UNTRAINED
from gap_assets.graph import ENCODERS, STEPS
from gap_assets.parameters import settings_fingerprint
from gap_assets.pipeline.status import Status, compare_with_ledger
from gap_assets.summaries.support import MOSTLY
from gap_assets.warehouse.schema import TABLES

UNIT_NORM_TOLERANCE = 1e-3
IDENTITY_TOLERANCE = 1e-5

# A root's rows are its files', and what is made of all videos at once has no row per video.
KEYS = {
    asset: ", ".join(TABLES[asset].key)
    for asset, step in STEPS.items()
    if step.per_video and step.upstream
}


def _check(asset: str, name: str, description: str, query: str) -> tuple[dg.AssetCheckSpec, str]:
    """A check that passes when the query finds no rows."""
    return dg.AssetCheckSpec(name, asset=asset, description=description), query


readable = _check(
    "videos",
    "readable",
    "Every video can be read; the others are listed with the reason.",
    "SELECT video_id, path, status, error FROM videos WHERE status <> 'ok' ORDER BY video_id",
)

unit_norms = [
    _check(
        asset,
        "unit_norms",
        f"Every embedding has length 1 to within {UNIT_NORM_TOLERANCE}.",
        # A NaN compares greater than everything in DuckDB, so it is found too.
        f"SELECT video_id, sqrt(list_inner_product(embedding, embedding)) AS length"
        f" FROM {asset} WHERE abs(length - 1) > {UNIT_NORM_TOLERANCE}",
    )
    for asset in ("frame_embeddings", "text_embeddings", "event_embeddings")
]

# The fused vectors of a video are shorter than 1, and their length is stored.
encoder_norms = _check(
    ENCODERS,
    "unit_norms",
    f"Every text has length 1 and every video the stored one, to within {UNIT_NORM_TOLERANCE}.",
    "SELECT encoder, video_id, modality, source, norm,"
    f" sqrt(list_inner_product(embedding, embedding)) AS length FROM {ENCODERS}"
    " WHERE abs(length - CASE WHEN modality = 'text' THEN 1 ELSE norm END)"
    f" > {UNIT_NORM_TOLERANCE}",
)

failures = [
    _check(
        asset,
        "no_failures",
        "No video failed; those that did are listed with the reason.",
        f"SELECT video_id, error_type, error FROM failures WHERE asset = '{asset}'",
    )
    for asset, step in STEPS.items()
    if step.upstream and step.per_video
]

# The untrained networks are made of all videos at once, into the same table.
BY_THE_LEDGER = {ENCODERS: f" WHERE NOT starts_with(encoder, '{UNTRAINED}')"}

# One transaction writes rows and ledger, so a difference means that someone else wrote.
rows_as_recorded = [
    _check(
        asset,
        "rows_as_recorded",
        f"Each video has the rows that the ledger says, all of different ({key}).",
        "SELECT video_id, n_rows AS recorded, coalesce(n, 0) AS found,"
        " coalesce(different, 0) AS different FROM materializations"
        f" LEFT JOIN (SELECT video_id, count(*) AS n, count(DISTINCT ({key})) AS different"
        f" FROM {asset}{BY_THE_LEDGER.get(asset, '')} GROUP BY video_id) USING (video_id)"
        f" WHERE asset = '{asset}' AND (recorded <> found OR found <> different)",
    )
    for asset, key in KEYS.items()
]

frames_agree = [
    _check(
        asset,
        "one_row_per_frame",
        "Each frame of a video that is materialized here has one row.",
        "SELECT video_id, f.n_rows AS frames, c.n_rows AS rows"
        " FROM materializations f JOIN materializations c USING (video_id)"
        f" WHERE f.asset = 'frames' AND c.asset = '{asset}' AND frames <> rows",
    )
    for asset in ("frame_captions", "frame_embeddings")
]

# Frames of one sampling, captions of one model: a mean over two kinds would be of neither. Of two
# settings that made equally many, the ones of the last commit count as right: a clock may be set
# back, a row's number is not.
one_configuration = [
    _check(
        asset,
        "one_configuration",
        "All rows were made by the same settings; those that differ from most are listed.",
        "SELECT video_id, model, configurations.parameters AS made_with,"
        " most.parameters AS most_were_made_with"
        " FROM materializations LEFT JOIN configurations USING (asset, settings)"
        " LEFT JOIN (SELECT settings AS usual, any_value(parameters) AS parameters"
        " FROM materializations LEFT JOIN configurations USING (asset, settings)"
        f" WHERE asset = '{asset}' GROUP BY settings"
        " ORDER BY count(*) DESC, max(materializations.rowid) DESC LIMIT 1) most ON true"
        f" WHERE asset = '{asset}' AND settings <> most.usual ORDER BY video_id",
    )
    for asset in KEYS
]

UP_TO_DATE = "up_to_date"
up_to_date = [
    dg.AssetCheckSpec(
        UP_TO_DATE,
        asset=asset,
        description="Everything was made by the settings and inputs of now, as `gap status` says;"
        " what another run would make again is listed.",
    )
    for asset, step in STEPS.items()
    if step.upstream
]

summaries_supported = _check(
    "video_summaries",
    "summaries_supported",
    f"Every summary ended by itself, is the model's own, and has at most {MOSTLY:.0%} of its"
    " content words from nowhere; the others are listed, the worst first.",
    "SELECT video_id, summary, unsupported, ended, fallback FROM video_summaries"
    f" WHERE fallback IS NOT NULL OR unsupported > {MOSTLY} OR NOT ended"
    " ORDER BY fallback IS NULL, unsupported DESC, video_id",
)

gap_identity = _check(
    "gap_metrics",
    "gap_identity",
    "The squared gap equals the two cones less twice the mismatched cosine, as it must.",
    "WITH m AS (PIVOT gap_metrics ON metric IN ('centroid_gap_debiased', 'cone_video',"
    " 'cone_text', 'mismatched_cosine') USING first(value)"
    " GROUP BY encoder, video_source, text_source)"
    " SELECT * FROM m WHERE abs(greatest(cone_video + cone_text - 2 * mismatched_cosine, 0)"
    f" - centroid_gap_debiased ** 2) > {IDENTITY_TOLERANCE}",
)

CHECKS = [
    readable,
    *unit_norms,
    encoder_norms,
    *failures,
    *rows_as_recorded,
    *frames_agree,
    *one_configuration,
    summaries_supported,
    gap_identity,
]
QUERIES = {spec.key: query for spec, query in CHECKS}


@dg.multi_asset_check(
    specs=[*(spec for spec, _ in CHECKS), *up_to_date], can_subset=True, op_tags=needs(gpu=False)
)
def checks(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    sampling: FrameSampling,
    coca: CocaModel,
    captioning: Captioning,
    caption_filter: CaptionFilter,
    summarizer: SummarizerModel,
    statistics: GapStatistics,
    encoders: Encoders,
) -> Iterator[dg.AssetCheckResult]:
    """Those of the checked assets that the run makes: one step, which on a cluster is a process."""
    if _others_of_the_backfill_run(context):
        context.log.info("Checks look at whole tables; the backfill's last run makes them.")
        return
    store = warehouse.open()
    find = {
        "sampling": sampling,
        "coca": coca,
        "captioning": captioning,
        "caption_filter": caption_filter,
        "summarizer": summarizer,
        "statistics": statistics,
        "encoders": encoders,
    }.__getitem__

    @cache
    def status() -> Status:
        settings = {asset: settings_fingerprint(asset, find) for asset in STEPS}
        return compare_with_ledger(store, settings=settings)

    for key in sorted(context.selected_asset_check_keys):
        if key.name == UP_TO_DATE:
            found = not_current(status(), key.asset_key.to_user_string())
        else:
            found = store.read_embeddings(QUERIES[key])
        yield _result(key, found)


def _result(key: dg.AssetCheckKey, found: pl.DataFrame) -> dg.AssetCheckResult:
    """A warning with the first rows of what a check found, or a pass."""
    metadata: dict[str, Any] = {"found": len(found)}
    if len(found):
        metadata["rows"] = preview_table(found, found.columns)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=found.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _others_of_the_backfill_run(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run is part of a backfill of which other runs have not ended."""
    backfill = context.run.tags.get("dagster/backfill")
    if backfill is None:
        return False
    unfinished = dg.RunsFilter(
        tags={"dagster/backfill": backfill}, statuses=list(NOT_FINISHED_STATUSES)
    )
    return bool(context.instance.get_runs_count(unfinished) > 1)


def not_current(status: Status, asset: str) -> pl.DataFrame:
    """The videos whose stored result is not what a run would make now.

    What has not been made yet is not stale: the partitions show it as missing.
    """
    rows = [(video, state) for video, state in status.states[asset].items() if state == "stale"]
    return pl.DataFrame(rows, schema=["video_id", "state"], orient="row")

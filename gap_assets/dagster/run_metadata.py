"""What Dagster shows of each partition of a run, and of the run as a whole.

A partition's event says first what became of this video, then what its data is and how it was made.
The run's numbers are an observation of the asset.
"""

import base64
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)

from gap_assets.dagster.resources import choices_in
from gap_assets.dagster.specs import preview_table
from gap_assets.pipeline.left_out import why_left_out
from gap_assets.pipeline.partition_facts import facts_of_partitions
from gap_assets.pipeline.provenance import in_words
from gap_assets.warehouse.store import Warehouse

UNKNOWN = "not in the catalogue; materialize `videos`, or take it out of the selection"
NOTHING = "an asset before it has nothing of this video"


def add_partition_facts(
    context: dg.AssetExecutionContext,
    asset: str,
    videos: list[str],
    *,
    current: Collection[str],
    warehouse: Warehouse,
) -> dict[str, str]:
    """Adds to each partition's event what became of it, what it holds and how that was made.

    Args:
        context: The run.
        asset: The asset.
        videos: The run's partitions.
        current: Those that were skipped because they are current.
        warehouse: Where their rows are.

    Returns:
        Of each video that has no result, the reason.
    """
    rows = _results(asset, videos, warehouse=warehouse)
    facts = facts_of_partitions(asset, videos, warehouse=warehouse)
    made_with = in_words(choices_in(context, asset))
    shown: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    skipped = set(current)
    for video, n_rows, seconds, error, nothing, unknown, listed in rows.iter_rows():
        left_out = f"left out: {listed}" if why_left_out(listed) else None
        reason = error or (UNKNOWN if unknown else NOTHING if nothing else None)
        if reason and not left_out:
            failed[video] = reason
        made = "current, skipped" if video in skipped else "made"
        shown[video] = {
            "result": left_out or (f"failed: {reason}" if reason else made),
            **{name: _shown(value) for name, value in facts.get(video, {}).items()},
            "dagster/partition_row_count": n_rows,
            **({"seconds": round(seconds, 3)} if seconds else {}),
            **({} if reason else made_with),
        }
    _add_metadata(context, dg.AssetKey(asset), shown)
    return failed


def _results(asset: str, videos: list[str], *, warehouse: Warehouse) -> pl.DataFrame:
    """What the ledger, the failures and the catalogue say of each video."""
    return warehouse.read(
        "SELECT video_id, coalesce(n_rows, 0) AS n_rows, seconds, f.error, n_rows IS NULL"
        " OR n_rows = 0 AND video_id IN (SELECT video_id FROM failures) AS nothing,"
        " v.video_id IS NULL AS unknown, v.error AS listed FROM given"
        " LEFT JOIN (FROM materializations WHERE asset = ?) USING (video_id)"
        " LEFT JOIN (FROM failures WHERE asset = ?) f USING (video_id)"
        " LEFT JOIN (SELECT video_id, error FROM videos) v USING (video_id)",
        asset,
        asset,
        videos=videos,
    )


def _shown(value: Any) -> Any:
    """A fact as the UI shows it; texts are data there, never markup."""
    if isinstance(value, bytes):
        return dg.MetadataValue.md(picture_in_markdown(value, kind="jpeg"))
    if isinstance(value, pl.DataFrame):
        return preview_table(value, value.columns)
    return value


def picture_in_markdown(picture: bytes, *, kind: str) -> str:
    """A picture that needs no server to be seen."""
    return f"![](data:image/{kind};base64,{base64.b64encode(picture).decode()})"


def _add_metadata(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    numbers: Mapping[str, Mapping[str, Any]],
) -> None:
    """Adds metadata to many partitions at once.

    `context.add_asset_metadata` takes one, for which it lists all partitions of the instance and
    copies all metadata so far: with 15,000 partitions, 60 ms of CPU a video and asset.
    """
    step = context.get_step_execution_context()
    metadata: dict[Any, Mapping[str, Any]] = dict(step._metadata_accumulator.per_output_metadata)
    for partition, of_partition in numbers.items():
        metadata[AssetMetadataHandle(asset_key=key, partition_key=partition)] = of_partition
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=metadata)

"""What Dagster shows of each partition of a run, and of the run as a whole.

On a partition stand this video's own data and why it was made, skipped or not made; the run's
numbers stay with the run.
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

from gap_assets.dagster.specs import preview_table
from gap_assets.pipeline.partition_facts import facts_of_partitions
from gap_assets.warehouse.store import Warehouse

UNKNOWN = "not in the catalogue; materialize `videos`, or take it out of the selection"


def add_partition_facts(
    context: dg.AssetExecutionContext,
    asset: str,
    videos: list[str],
    *,
    current: Collection[str],
    warehouse: Warehouse,
) -> dict[str, int]:
    """Adds what each partition holds; counts the rows, failures and unknown videos of the run.

    Args:
        context: The run.
        asset: The asset.
        videos: The run's partitions.
        current: Those that were skipped because they are current.
        warehouse: Where their rows are.
    """
    rows = warehouse.read(
        "SELECT video_id, coalesce(n_rows, 0) AS n_rows, coalesce(seconds, 0.0), f.error,"
        " v.video_id IS NULL AS unknown FROM given"
        " LEFT JOIN (FROM materializations WHERE asset = ?) USING (video_id)"
        " LEFT JOIN (FROM failures WHERE asset = ?) f USING (video_id)"
        " LEFT JOIN (SELECT video_id FROM videos) v USING (video_id)",
        asset,
        asset,
        videos=videos,
    )
    facts = facts_of_partitions(asset, videos, warehouse=warehouse)
    shown: dict[str, dict[str, Any]] = {}
    skipped = set(current)
    for video, n_rows, seconds, failure, unknown in rows.iter_rows():
        reason = failure or (UNKNOWN if unknown else None)
        result = f"failed: {reason}" if reason else "current, skipped" if video in skipped else ""
        if not reason and not n_rows and not result:
            result = "nothing to make it of: an asset before it has nothing for this video"
        shown[video] = {
            "result": result or "made",
            "dagster/partition_row_count": n_rows,
            "seconds of this video": round(seconds, 4),
            **{name: _shown(value) for name, value in facts.get(video, {}).items()},
        }
    _add_metadata(context, dg.AssetKey(asset), shown)
    counts = {"rows of this run": int(rows["n_rows"].sum()), "failures": rows["error"].count()}
    unknown_videos = int(rows["unknown"].sum())
    return counts | ({"videos not in the catalogue": unknown_videos} if unknown_videos else {})


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

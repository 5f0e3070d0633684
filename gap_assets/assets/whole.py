"""How an asset that looks at all videos together is made: skipped if current, stored at once."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.gap.inputs import GapInputError
from gap_assets.lineage import STEPS, result_hash
from gap_assets.progress import report_progress
from gap_assets.resources import settings_in
from gap_assets.warehouse.ledger import commit_whole, stored_hashes
from gap_assets.warehouse.store import Warehouse

Compute = Callable[[], tuple[Mapping[str, pl.DataFrame], dict[str, Any]]]
"""Makes all rows of the asset's tables, and its metadata."""


class WholeConfig(dg.Config):
    """Whether a result that is current is made again."""

    recompute: bool = False


def materialize_whole(
    context: dg.AssetExecutionContext,
    asset: str,
    compute: Compute,
    *,
    warehouse: Warehouse,
    config: WholeConfig,
    made: Callable[[], bool] = lambda: True,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Materialises an unpartitioned asset from all videos, unless it is current already.

    Args:
        context: The run.
        asset: The asset.
        compute: The computation.
        warehouse: Where the rows go.
        config: Whether a current result is made again.
        made: Whether what the asset keeps outside of the warehouse is still there.

    Raises:
        dagster.Failure: If an input is missing, or there is too little to measure.
    """
    videos = warehouse.read("SELECT video_id FROM videos ORDER BY video_id")["video_id"].to_list()
    stored = stored_hashes(warehouse)
    settings = settings_in(context, asset)
    value = result_hash(asset, None, settings=settings, stored=stored, video_ids=videos)
    if value is None:
        needed = " and ".join(STEPS[asset].upstream)
        raise dg.Failure(f"{asset} needs {needed} first; materialize those.", allow_retries=False)
    if value == stored.get((asset, None)) and made() and not config.recompute:
        return dg.MaterializeResult(metadata={"skipped (current)": True})
    started = time.monotonic()
    report_progress(asset, 0, 1)
    try:
        rows, metadata = compute()
    except GapInputError as error:
        raise dg.Failure(f"{asset}: {error}", allow_retries=False) from error
    seconds = time.monotonic() - started
    commit_whole(
        warehouse,
        asset,
        rows,
        hashes={None: value},
        settings=settings,
        run_id=context.run_id,
        seconds=seconds,
    )
    report_progress(asset, 1, 1)
    count = sum(len(frame) for frame in rows.values())
    return dg.MaterializeResult(
        metadata={"dagster/row_count": count, "seconds": round(seconds, 3), **metadata}
    )

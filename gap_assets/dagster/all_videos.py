"""How an asset that looks at all videos together is made: skipped if current, stored at once."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from gap_assets.dagster.chosen_here import tell_other_choices
from gap_assets.dagster.per_video import ends_the_run
from gap_assets.dagster.resources import configuration_in, settings_in
from gap_assets.dagster.specs import tried_again_later
from gap_assets.gap.pairs import GapInputError
from gap_assets.graph import STEPS, result_hash
from gap_assets.progress import report_progress
from gap_assets.warehouse.ledger import commit_whole, record_configurations, stored_hashes
from gap_assets.warehouse.snapshot import write_snapshot
from gap_assets.warehouse.store import Warehouse

Compute = Callable[[], tuple[Mapping[str, pl.DataFrame], dict[str, Any]]]
"""Makes all rows of the asset's tables, and its metadata."""


class WholeConfig(dg.Config):
    """Whether a result that is current is made again."""

    recompute: bool = Field(
        default=False, description="Make current results again, too; else they are skipped."
    )


def is_current(context: dg.AssetExecutionContext, asset: str, *, warehouse: Warehouse) -> bool:
    """Whether an unpartitioned asset was made of what is stored, under the run's settings."""
    stored = stored_hashes(warehouse)
    value = stored.get((asset, None))
    videos = _video_ids(warehouse)
    settings = settings_in(context, asset)
    return value is not None and value == result_hash(
        asset, None, settings=settings, stored=stored, video_ids=videos
    )


def materialize_whole(
    context: dg.AssetExecutionContext,
    asset: str,
    compute: Compute,
    *,
    warehouse: Warehouse,
    config: WholeConfig,
    made: Callable[[], bool] = lambda: True,
    without: Collection[str] = (),
    replaces: Callable[[], Mapping[str, Sequence[str]]] = dict,
    tells_progress: bool = False,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Materialises an unpartitioned asset from all videos, unless it is current already.

    Args:
        context: The run.
        asset: The asset.
        compute: The computation.
        warehouse: Where the rows go.
        config: Whether a current result is made again.
        made: Whether what the asset keeps outside of the warehouse is still there.
        without: Upstream assets that the result leaves out, as if they had not been made.
        replaces: Which rows go, as for `replace_rows`, where not all of the table are the asset's.
        tells_progress: Whether the computation tells its own.

    Raises:
        dagster.Failure: If an input is missing, or there is too little to measure.
    """
    tell_other_choices(context, [asset])
    with tried_again_later(context):
        value = _expected_hash(context, asset, warehouse=warehouse, without=without)
        record_configurations(warehouse, [configuration_in(context, asset)])
        stored = stored_hashes(warehouse).get((asset, None))
        if value == stored and made() and not config.recompute:
            return dg.MaterializeResult(metadata={"result": "current, skipped"})
        started = time.monotonic()
        if not tells_progress:
            report_progress(asset, 0, 1)
        with _too_little_to_measure(asset):
            rows, metadata = compute()
        seconds = time.monotonic() - started
        commit_whole(
            warehouse,
            asset,
            rows,
            where=replaces(),
            hashes={None: value},
            settings=settings_in(context, asset),
            run_id=context.run_id,
            seconds=seconds,
        )
        if not tells_progress:
            report_progress(asset, 1, 1)
        if ends_the_run(context, [asset]):
            write_snapshot(warehouse)
    count = sum(len(frame) for frame in rows.values())
    numbers = {"dagster/row_count": count, "seconds": round(seconds, 3)}
    return dg.MaterializeResult(metadata={"result": "made", **numbers, **metadata})


@contextmanager
def _too_little_to_measure(asset: str) -> Iterator[None]:
    """Ends the step with the sentence alone."""
    try:
        yield
    except GapInputError as error:
        raise dg.Failure(f"{asset}: {error}", allow_retries=False) from error


def _expected_hash(
    context: dg.AssetExecutionContext,
    asset: str,
    *,
    warehouse: Warehouse,
    without: Collection[str],
) -> str:
    """The hash that the result will carry, made of all that it is made of."""
    stored = {key: v for key, v in stored_hashes(warehouse).items() if key[0] not in without}
    settings, videos = settings_in(context, asset), _video_ids(warehouse)
    value = result_hash(asset, None, settings=settings, stored=stored, video_ids=videos)
    if value is None:
        needed = " and ".join(STEPS[asset].upstream)
        raise dg.Failure(f"{asset} needs {needed} first; materialize those.", allow_retries=False)
    return value


def _video_ids(warehouse: Warehouse) -> list[str]:
    found = warehouse.read("SELECT video_id FROM videos ORDER BY video_id")
    return [str(video) for video in found["video_id"]]

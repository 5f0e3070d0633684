"""How a run goes through its videos: skip what is current, compute a chunk, commit it, go on.

A kill loses one chunk at most. A video that fails becomes a row of `failures` and its neighbours go
on; only broken infrastructure raises. No asset's own computation belongs here.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from gap_assets.lineage import STEPS
from gap_assets.progress import report_progress
from gap_assets.resources import settings_in
from gap_assets.warehouse.ledger import Failure, Plan, Results, commit, plan
from gap_assets.warehouse.store import Warehouse

Compute = Callable[[list[str], Sequence[str]], Results]
"""Given some videos and the assets that are wanted of them, makes their rows."""


class ChunkConfig(dg.Config):
    """How a run works off its videos; nothing here changes a result."""

    recompute: bool = False
    videos_per_chunk: int = 16


def materialize_videos(
    context: dg.AssetExecutionContext,
    assets: Sequence[str],
    compute: Compute,
    *,
    warehouse: Warehouse,
    config: ChunkConfig,
    unit: str = "rows",
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Materialises some per-video assets, which one computation makes, for the run's partitions.

    Args:
        context: The run.
        assets: The assets that this run wants.
        compute: The computation.
        warehouse: Where the rows go.
        config: Chunk size, and whether current videos are done again.
        unit: What the rows are called in the log and the metadata.

    Yields:
        One result an asset, with its numbers.

    Raises:
        dagster.Failure: If videos lack inputs that no run has tried to make yet.
    """
    videos = list(context.partition_keys)
    plans = {
        asset: plan(
            warehouse,
            asset,
            videos,
            settings=settings_in(context, asset),
            recompute=config.recompute,
        )
        for asset in assets
    }
    started = time.monotonic()
    done = rows = 0
    todo = _by_wanted_assets(plans)
    total = sum(len(group) for group in todo.values())
    for asset in assets if total else ():
        report_progress(asset, 0, total)
    for wanted, group in todo.items():
        for start in range(0, len(group), config.videos_per_chunk):
            chunk = group[start : start + config.videos_per_chunk]
            chunk_started = time.monotonic()
            results = compute(chunk, wanted)
            commit(
                warehouse,
                results,
                chunk,
                plans={asset: plans[asset] for asset in wanted},
                run_id=context.run_id,
                seconds=time.monotonic() - chunk_started,
            )
            done += len(chunk)
            rows += len(results.rows[wanted[0]])
            _log(context, wanted, done, total, rows, time.monotonic() - started, unit)
    seconds = time.monotonic() - started
    for asset, asset_plan in plans.items():
        numbers = _describe(context, asset, videos, warehouse=warehouse)
        blocked = set(asset_plan.blocked) - _failed_inputs(asset_plan, warehouse)
        if blocked:
            raise _waiting(asset, sorted(blocked))
        yield dg.MaterializeResult(
            asset_key=asset,
            metadata={
                **numbers,
                "videos done": done,
                "videos skipped (current)": len(asset_plan.current),
                "seconds": round(seconds, 3),
                f"{unit} per second": round(rows / seconds, 2) if rows else 0.0,
            },
        )


def _by_wanted_assets(plans: dict[str, Plan]) -> dict[tuple[str, ...], list[str]]:
    """The videos to do, grouped by the assets that each of them needs."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for asset, asset_plan in plans.items():
        for video in asset_plan.todo:
            wanted[video].append(asset)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for video, assets in sorted(wanted.items()):
        groups[tuple(assets)].append(video)
    return groups


def _log(
    context: dg.AssetExecutionContext,
    assets: Sequence[str],
    done: int,
    total: int,
    rows: int,
    seconds: float,
    unit: str,
) -> None:
    left = seconds / done * (total - done)
    context.log.info(
        f"{' and '.join(assets)}: {done} of {total} videos, {rows} {unit},"
        f" {rows / seconds:.1f} {unit}/s, {left:.0f} s left"
    )
    for asset in assets:
        report_progress(asset, done, total)


def _describe(
    context: dg.AssetExecutionContext, asset: str, videos: list[str], *, warehouse: Warehouse
) -> dict[str, int]:
    """Adds each partition's numbers and counts the rows and failures of all of them."""
    ledger = warehouse.read(
        "SELECT video_id, n_rows, seconds FROM materializations"
        " WHERE asset = ? AND video_id = ANY(?)",
        asset,
        videos,
    )
    failures = dict(
        warehouse.read(
            "SELECT video_id, error FROM failures WHERE asset = ? AND video_id = ANY(?)",
            asset,
            videos,
        ).iter_rows()
    )
    made = {video: (rows, seconds) for video, rows, seconds in ledger.iter_rows()}
    for video in videos:
        n_rows, seconds = made.get(video, (0, 0.0))
        metadata: dict[str, str | int | float] = {
            "dagster/partition_row_count": n_rows,
            "seconds of this video": round(seconds, 4),
        }
        if video in failures:
            metadata["failure"] = failures[video]
        context.add_asset_metadata(metadata, asset_key=asset, partition_key=video)
    return {"rows of this run": sum(n for n, _ in made.values()), "failures": len(failures)}


def _failed_inputs(asset_plan: Plan, warehouse: Warehouse) -> set[str]:
    """The blocked videos whose inputs were tried and failed; they stay out of the result."""
    rows = warehouse.read(
        "SELECT DISTINCT video_id FROM failures WHERE video_id = ANY(?)", asset_plan.blocked
    )
    return set(rows["video_id"])


def _waiting(asset: str, videos: list[str]) -> dg.Failure:
    upstream = " and ".join(STEPS[asset].upstream)
    some = ", ".join(videos[:5]) + (" …" if len(videos) > 5 else "")
    return dg.Failure(
        f"{asset} needs {upstream} of {len(videos)} videos first ({some}); materialize those.",
        allow_retries=False,
    )


def failure(error: Exception, *, final: bool) -> Failure:
    """The row of `failures` for an exception."""
    return Failure(error_type=type(error).__name__, error=str(error), final=final)

"""How a run goes through its videos: skip what is current, compute a chunk, commit it, go on.

A chunk is written while the next is computed. A kill loses the chunks in hand, and none that is
committed. A video that fails becomes a row of `failures` and its neighbours go on; only broken
infrastructure raises. Chunks and stages are `gap_assets.pipeline.stages`'s business, what Dagster
is told of a run is `run_metadata`'s.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import dagster as dg
import polars as pl
from pydantic import Field

from gap_assets.dagster.chosen_here import tell_other_choices
from gap_assets.dagster.failed_partitions import mark_as_failed
from gap_assets.dagster.resources import configuration_in, settings_in
from gap_assets.dagster.run_metadata import add_partition_facts
from gap_assets.dagster.specs import tried_again_later
from gap_assets.graph import STEPS
from gap_assets.pipeline.stages import (
    Chunk,
    Finish,
    Stage,
    Tally,
    by_wanted_assets,
    computed_stages,
    left_out,
    started_chunks,
)
from gap_assets.progress import report_progress
from gap_assets.warehouse.ledger import Plan, Results, plan, record_configurations
from gap_assets.warehouse.snapshot import write_snapshot
from gap_assets.warehouse.store import Warehouse

VideoEvents = Iterator[dg.MaterializeResult | dg.AssetObservation]  # type: ignore[type-arg]
"""Of each asset, an observation with the run's numbers, then the result of all partitions."""


class ChunkConfig(dg.Config):
    """How a run works off its videos; nothing here changes a result."""

    recompute: bool = Field(
        default=False, description="Make current results again, too; else they are skipped."
    )
    videos_per_chunk: int = Field(
        default=64, ge=1, description="Videos computed and stored at a time; what a kill loses."
    )


def materialize_videos(
    context: dg.AssetExecutionContext,
    asset: str,
    compute: Callable[[list[str]], Results],
    *,
    warehouse: Warehouse,
    config: ChunkConfig,
    unit: str,
    load: Callable[[], object] = lambda: None,
) -> VideoEvents:
    """Materialises a per-video asset that one computation makes; see `materialize_stages`."""
    stage = Stage(assets=[asset], start=partial(_begin, compute), load=load)
    return materialize_stages(context, [stage], warehouse=warehouse, config=config, unit=unit)


def materialize_stages(
    context: dg.AssetExecutionContext,
    stages: Sequence[Stage],
    *,
    warehouse: Warehouse,
    config: ChunkConfig,
    unit: str,
    prepare: Callable[[], object] = lambda: None,
) -> VideoEvents:
    """Materialises per-video assets for the run's partitions, each chunk through all stages.

    Args:
        context: The run.
        stages: The computations, in the order in which they need each other's rows.
        warehouse: Where the rows go.
        config: Chunk size, and whether current videos are done again.
        unit: What the rows are called in the log and the metadata.
        prepare: Called once before the first chunk, unless all is current.

    Yields:
        Of each asset, the run's numbers and the result.

    Raises:
        dagster.Failure: If videos lack inputs that no run has tried to make yet, or the run was
            ended meanwhile by somebody else.
    """
    tell_other_choices(context, [asset for stage in stages for asset in stage.assets])
    with tried_again_later(context):
        yield from _materialize(
            context,
            stages,
            warehouse=warehouse,
            recompute=config.recompute,
            size=config.videos_per_chunk,
            unit=unit,
            prepare=prepare,
        )


def _materialize(
    context: dg.AssetExecutionContext,
    stages: Sequence[Stage],
    *,
    warehouse: Warehouse,
    recompute: bool,
    size: int,
    unit: str,
    prepare: Callable[[], object],
) -> VideoEvents:
    videos = list(context.partition_keys)
    plans = plan(
        warehouse,
        {asset: settings_in(context, asset) for stage in stages for asset in stage.assets},
        videos,
        recompute=recompute,
    )
    groups = by_wanted_assets(plans)
    tally = Tally(unit=unit, total=sum(len(group) for group in groups.values()))
    context.log.info(_plan_in_words(plans, total=len(videos)))
    record_configurations(warehouse, [configuration_in(context, asset) for asset in plans])
    if groups:
        prepare()
        _announce(plans, tally)
    chunks = started_chunks(groups, stages, size=size)
    _work_off(context, chunks, plans, warehouse=warehouse, tally=tally)
    if groups and ends_the_run(context, plans):
        write_snapshot(warehouse)
    tally.finish(warehouse, [video for group in groups.values() for video in group])
    if tally.done:
        context.log.info(tally.summary())
    yield from _results(context, plans, tally, videos=videos, warehouse=warehouse)


def _results(
    context: dg.AssetExecutionContext,
    plans: Mapping[str, Plan],
    tally: Tally,
    *,
    videos: list[str],
    warehouse: Warehouse,
) -> VideoEvents:
    """Says of each asset what the run did, and of each partition what became of it."""
    failed: dict[str, dict[str, str]] = {}
    for asset, asset_plan in plans.items():
        current = asset_plan.current
        failed[asset] = add_partition_facts(
            context, asset, videos, current=current, warehouse=warehouse
        )
        blocked = set(asset_plan.blocked) - left_out(asset_plan, warehouse)
        if blocked:
            raise _waiting(asset, sorted(blocked))
        counts = {"videos skipped (current)": len(current), "videos failed": len(failed[asset])}
        yield dg.AssetObservation(asset, metadata={**counts, **tally.metadata()})
        yield dg.MaterializeResult(asset_key=asset)
    mark_as_failed(context, failed)


def _begin(compute: Callable[[list[str]], Results], videos: list[str], _: Sequence[str]) -> Finish:
    return partial(_finish, compute, videos)


def _finish(
    compute: Callable[[list[str]], Results], videos: list[str], _: Mapping[str, pl.DataFrame]
) -> Results:
    return compute(videos)


def _work_off(
    context: dg.AssetExecutionContext,
    chunks: Iterator[Chunk],
    plans: Mapping[str, Plan],
    *,
    warehouse: Warehouse,
    tally: Tally,
) -> None:
    """Takes each chunk through its stages; what one stage made is written while the next works."""
    with ThreadPoolExecutor(1, thread_name_prefix="commit") as writer:
        writing: Future[None] | None = None
        for chunk in chunks:
            for write in computed_stages(
                chunk, plans, warehouse, run_id=context.run_id, tally=tally
            ):
                with tally.timed("the warehouse"):
                    if writing:
                        writing.result()
                    _require_in_progress(context)
                    writing = writer.submit(write)
            tally.done += len(chunk.videos)
            wanted = [asset for _, assets in chunk.stages for asset in assets]
            context.log.info(tally.progress(wanted))
            for asset in wanted:
                report_progress(asset, tally.done, tally.total)
        if writing:
            writing.result()


def _plan_in_words(plans: Mapping[str, Plan], *, total: int) -> str:
    """What the run will do, as in "6 videos; frames: 3 to do, 3 current."."""
    told = []
    for asset, each in plans.items():
        counts = {
            "to do": len(each.todo),
            "current": len(each.current),
            "waiting for an asset before it": len(each.blocked),
        }
        told.append(f"{asset}: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n))
    return f"{total} videos; {'; '.join(told)}."


def ends_the_run(context: dg.AssetExecutionContext, assets: Collection[str]) -> bool:
    """Whether the run makes nothing after these assets, in the order of the graph."""
    made = {key.to_user_string() for key in context.job_def.asset_layer.selected_asset_keys}
    return [asset for asset in STEPS if asset in made][-1] in assets


def _announce(plans: Mapping[str, Plan], tally: Tally) -> None:
    for asset in plans:
        report_progress(asset, 0, tally.total)


def _require_in_progress(context: dg.AssetExecutionContext) -> None:
    """Refuses to commit for a run that is over, as when its worker died and left this step behind.

    Another run may be making the same by now.
    """
    run = context.instance.get_run_by_id(context.run_id)
    if not run or run.is_finished:
        raise dg.Failure("The run was ended from outside; start another.", allow_retries=False)


def _waiting(asset: str, videos: list[str]) -> dg.Failure:
    upstream = " and ".join(STEPS[asset].upstream)
    some = ", ".join(videos[:5]) + (" …" if len(videos) > 5 else "")
    return dg.Failure(
        f"{asset} needs {upstream} of {len(videos)} videos first ({some}); materialize those.",
        allow_retries=False,
    )

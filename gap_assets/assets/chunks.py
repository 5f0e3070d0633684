"""How a run goes through its videos: skip what is current, compute a chunk, commit it, go on.

Decoding runs ahead of what needs its frames, and a chunk is written while the next is computed. A
kill loses the chunks in hand, and none that is committed. A video that fails becomes a row of
`failures` and its neighbours go on; only broken infrastructure raises. No asset's own computation
belongs here, and what is said of a run is made in `numbers`.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import dagster as dg
import polars as pl

from gap_assets.assets.numbers import LOADING, Tally, add_partition_numbers
from gap_assets.lineage import STEPS
from gap_assets.progress import report_progress
from gap_assets.resources import settings_in
from gap_assets.warehouse.ledger import Failure, Plan, Results, commit, plan
from gap_assets.warehouse.store import Warehouse

CHUNKS_AHEAD = 2

Compute = Callable[[list[str], Sequence[str]], Results]
"""Given some videos and the assets that are wanted of them, makes their rows."""

Finish = Callable[[Mapping[str, pl.DataFrame]], Results]
"""Given the rows that the stages before made of the same videos, waits for this stage's results."""

Start = Callable[[list[str], Sequence[str]], Finish]
"""Begins the computation of some videos, of which some assets are wanted."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One computation of a step.

    Attributes:
        assets: The assets that the run wants of it.
        start: How it begins. The first stage of a step begins some chunks ahead.
        load: Loads what it needs, for instance a model; called before each chunk.
    """

    assets: Sequence[str]
    start: Start
    load: Callable[[], object] = lambda: None


class ChunkConfig(dg.Config):
    """How a run works off its videos; nothing here changes a result."""

    recompute: bool = False
    videos_per_chunk: int = 64


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Some videos, the stages that they need with the assets wanted, and the first one's finish."""

    videos: list[str]
    stages: list[tuple[Stage, list[str]]]
    finish: Finish


def materialize_videos(
    context: dg.AssetExecutionContext,
    asset: str,
    compute: Compute,
    *,
    warehouse: Warehouse,
    config: ChunkConfig,
    unit: str,
    load: Callable[[], object] = lambda: None,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Materialises a per-video asset that one computation makes; see `materialize_stages`."""

    def start(videos: list[str], wanted: Sequence[str]) -> Finish:
        return lambda _: compute(videos, wanted)

    stage = Stage(assets=[asset], start=start, load=load)
    [result] = materialize_stages(context, [stage], warehouse=warehouse, config=config, unit=unit)
    return result


def materialize_stages(
    context: dg.AssetExecutionContext,
    stages: Sequence[Stage],
    *,
    warehouse: Warehouse,
    config: ChunkConfig,
    unit: str,
    prepare: Callable[[], object] = lambda: None,
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Materialises per-video assets for the run's partitions, each chunk through all stages.

    Args:
        context: The run.
        stages: The computations, in the order in which they need each other's rows.
        warehouse: Where the rows go.
        config: Chunk size, and whether current videos are done again.
        unit: What the rows are called in the log and the metadata.
        prepare: Called once before the first chunk, unless all is current.

    Yields:
        One result an asset, with its numbers.

    Raises:
        dagster.Failure: If videos lack inputs that no run has tried to make yet, or the run was
            ended meanwhile by somebody else.
    """
    videos = list(context.partition_keys)
    plans = plan(
        warehouse,
        {asset: settings_in(context, asset) for stage in stages for asset in stage.assets},
        videos,
        recompute=config.recompute,
    )
    groups = _by_wanted_assets(plans)
    tally = Tally(unit=unit, total=sum(len(group) for group in groups.values()))
    if groups:
        prepare()
        _announce(plans, tally)
    with ThreadPoolExecutor(1, thread_name_prefix="commit") as writer:
        writing: Future[None] | None = None
        for chunk in _started(groups, stages, size=config.videos_per_chunk):
            for write in _computed(chunk, plans, warehouse, run_id=context.run_id, tally=tally):
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
    tally.finish(warehouse, [video for group in groups.values() for video in group])
    if tally.done:
        context.log.info(tally.summary())
    for asset, asset_plan in plans.items():
        numbers = add_partition_numbers(context, asset, videos, warehouse=warehouse)
        blocked = set(asset_plan.blocked) - _left_out(asset_plan, warehouse)
        if blocked:
            raise _waiting(asset, sorted(blocked))
        skipped = {"videos skipped (current)": len(asset_plan.current)}
        yield dg.MaterializeResult(
            asset_key=asset, metadata={**numbers, **skipped, **tally.metadata()}
        )


def _announce(plans: Mapping[str, Plan], tally: Tally) -> None:
    for asset in plans:
        report_progress(asset, 0, tally.total)


def _by_wanted_assets(plans: Mapping[str, Plan]) -> dict[tuple[str, ...], list[str]]:
    """The videos to do, grouped by the assets that each of them needs."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for asset, asset_plan in plans.items():
        for video in asset_plan.todo:
            wanted[video].append(asset)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for video, assets in sorted(wanted.items()):
        groups[tuple(assets)].append(video)
    return groups


def _started(
    groups: Mapping[tuple[str, ...], list[str]], stages: Sequence[Stage], *, size: int
) -> Iterator[_Chunk]:
    """The chunks, whose first stages are under way some chunks before they are due."""
    ahead: deque[_Chunk] = deque()
    for wanted, group in groups.items():
        needed = [(s, [a for a in s.assets if a in wanted]) for s in stages]
        needed = [(stage, assets) for stage, assets in needed if assets]
        first, of_first = needed[0]
        for begin in range(0, len(group), size):
            videos = group[begin : begin + size]
            ahead.append(_Chunk(videos=videos, stages=needed, finish=first.start(videos, of_first)))
            if len(ahead) > CHUNKS_AHEAD:
                yield ahead.popleft()
    yield from ahead


def _computed(
    chunk: _Chunk, plans: Mapping[str, Plan], warehouse: Warehouse, *, run_id: str, tally: Tally
) -> Iterator[Callable[[], None]]:
    """Takes a chunk through its stages, and yields what commits the results of each."""
    videos: list[str] = chunk.videos
    made: dict[str, pl.DataFrame] = {}
    for position, (stage, assets) in enumerate(chunk.stages):
        with tally.timed(LOADING):
            stage.load()
        started = time.monotonic()
        with tally.timed(" and ".join(assets)):
            finish = stage.start(videos, assets) if position else chunk.finish
            results = finish(made)
        made |= results.rows
        tally.rows += len(results.rows[assets[0]]) if position + 1 == len(chunk.stages) else 0
        yield partial(
            commit,
            warehouse,
            results,
            videos,
            plans={asset: plans[asset] for asset in assets},
            run_id=run_id,
            seconds=time.monotonic() - started,
        )
        failed = {video for video, error in results.failures.items() if not error.final}
        videos = [video for video in videos if video not in failed]
        if not videos:
            return


def _left_out(asset_plan: Plan, warehouse: Warehouse) -> set[str]:
    """The blocked videos that stay out of the result.

    Their inputs were tried and failed, or the catalogue does not know them: partitions are never
    taken away, and data folders that share an instance share them.
    """
    if not asset_plan.blocked:
        return set()
    rows = warehouse.read(
        "SELECT video_id FROM given WHERE video_id IN (SELECT video_id FROM failures)"
        " OR (EXISTS (FROM videos) AND video_id NOT IN (SELECT video_id FROM videos))",
        videos=asset_plan.blocked,
    )
    return set(rows["video_id"])


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


def failure(error: Exception, *, final: bool) -> Failure:
    """The row of `failures` for an exception."""
    return Failure(error_type=type(error).__name__, error=str(error), final=final)

"""How a step goes through its videos in chunks, and where its time goes; without Dagster.

Decoding runs ahead of what needs its frames. No asset's own computation belongs here; what Dagster
is told of a run is made in `gap_assets.dagster.run_metadata`.
"""

import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from gap_assets.warehouse.ledger import Failure, Plan, Results, commit
from gap_assets.warehouse.store import Warehouse

DAY = 86_400


LOADING = "loading models"


@dataclass(kw_only=True)
class Tally:
    """How far a step has come, and where its time went.

    Attributes:
        unit: What the rows are called.
        total: The videos to do.
        done: Those that are done.
        rows: The rows of the last stage.
        spent: Seconds in which the step did, or waited for, nothing but this: a stage's assets, or
            the warehouse.
        seconds: What all of it took, but for loading models.
        video_seconds: The duration of the videos that were done.
    """

    unit: str
    total: int
    done: int = 0
    rows: int = 0
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0
    video_seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Adds the time of the block to what was spent on this."""
        started = time.monotonic()
        yield
        self.spent[name] += time.monotonic() - started

    def progress(self, assets: Sequence[str]) -> str:
        """The line after each chunk."""
        seconds = time.monotonic() - self.started - self.spent[LOADING]
        left = seconds / self.done * (self.total - self.done)
        return (
            f"{' and '.join(assets)}: {self.done} of {self.total} videos, {self.rows} {self.unit},"
            f" {self.rows / seconds:.1f} {self.unit}/s, {left:.0f} s left"
        )

    def finish(self, warehouse: Warehouse, videos: Sequence[str]) -> None:
        """Stops the clock; asks how long the videos that were done last."""
        self.seconds = time.monotonic() - self.started - self.spent[LOADING]
        rows = warehouse.read(
            "SELECT coalesce(sum(duration_s), 0) FROM videos WHERE video_id IN (FROM given)",
            videos=videos,
        )
        self.video_seconds = rows.item()

    def summary(self) -> str:
        """The last line: the speed, and the part that bounds it."""
        numbers = self.metadata()
        return ", ".join(f"{name}: {value}" for name, value in numbers.items())

    def metadata(self) -> dict[str, str | int | float]:
        """The step's numbers.

        The part that takes most of the step's time is its bound. The speed of that part alone is
        the ceiling that the step could reach if all else overlapped perfectly.
        """
        numbers: dict[str, str | int | float] = {
            "videos done": self.done,
            "seconds": round(self.seconds, 3),
            f"seconds of {LOADING}": round(self.spent[LOADING], 3),
            f"{self.unit} per second": round(self.rows / self.seconds, 2) if self.rows else 0.0,
        }
        if not self.done:
            return numbers
        work = {part: seconds for part, seconds in self.spent.items() if part != LOADING}
        bound, busy = max(work.items(), key=lambda item: item[1])
        return numbers | {
            "bound": bound,
            "ceiling": f"{self.rows / busy:.1f} {self.unit} per second of {bound} alone",
            "% of the ceiling": round(100 * busy / self.seconds, 1),
            "video-hours per day": round(self.video_seconds / 3600 / self.seconds * DAY, 1),
            f"{'GPU-' if _on_gpu() else ''}seconds per 1,000 videos": round(
                1000 * self.seconds / self.done, 1
            ),
        }


def _on_gpu() -> bool:
    """Whether this process has used a GPU, which the step then holds for all of its time."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


CHUNKS_AHEAD = 2


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


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some videos, the stages that they need with the assets wanted, and the first one's finish."""

    videos: list[str]
    stages: list[tuple[Stage, list[str]]]
    finish: Finish


def by_wanted_assets(plans: Mapping[str, Plan]) -> dict[tuple[str, ...], list[str]]:
    """The videos to do, grouped by the assets that each of them needs."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for asset, asset_plan in plans.items():
        for video in asset_plan.todo:
            wanted[video].append(asset)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for video, assets in sorted(wanted.items()):
        groups[tuple(assets)].append(video)
    return groups


def started_chunks(
    groups: Mapping[tuple[str, ...], list[str]], stages: Sequence[Stage], *, size: int
) -> Iterator[Chunk]:
    """The chunks, whose first stages are under way some chunks before they are due."""
    ahead: deque[Chunk] = deque()
    for wanted, group in groups.items():
        needed = [(s, [a for a in s.assets if a in wanted]) for s in stages]
        needed = [(stage, assets) for stage, assets in needed if assets]
        first, of_first = needed[0]
        for begin in range(0, len(group), size):
            videos = group[begin : begin + size]
            ahead.append(Chunk(videos=videos, stages=needed, finish=first.start(videos, of_first)))
            if len(ahead) > CHUNKS_AHEAD:
                yield ahead.popleft()
    yield from ahead


def computed_stages(
    chunk: Chunk, plans: Mapping[str, Plan], warehouse: Warehouse, *, run_id: str, tally: Tally
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


def left_out(asset_plan: Plan, warehouse: Warehouse) -> set[str]:
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


def failure(error: Exception, *, final: bool) -> Failure:
    """The row of `failures` for an exception."""
    return Failure(error_type=type(error).__name__, error=str(error), final=final)

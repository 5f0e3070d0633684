"""What a run says of itself: its speed, what bounds it, and each partition's own numbers."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)

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


def add_partition_numbers(
    context: dg.AssetExecutionContext, asset: str, videos: list[str], *, warehouse: Warehouse
) -> dict[str, int]:
    """Adds each partition's numbers; counts the rows and failures of all of them."""
    rows = warehouse.read(
        "SELECT video_id, coalesce(n_rows, 0) AS n_rows, coalesce(seconds, 0.0), error FROM given"
        " LEFT JOIN (FROM materializations WHERE asset = ?) USING (video_id)"
        " LEFT JOIN (FROM failures WHERE asset = ?) USING (video_id)",
        asset,
        asset,
        videos=videos,
    )
    numbers: dict[str, dict[str, str | int | float]] = {}
    for video, n_rows, seconds, failure in rows.iter_rows():
        numbers[video] = {
            "dagster/partition_row_count": n_rows,
            "seconds of this video": round(seconds, 4),
            **({"failure": failure} if failure else {}),
        }
    _add_metadata(context, dg.AssetKey(asset), numbers)
    return {"rows of this run": int(rows["n_rows"].sum()), "failures": rows["error"].count()}


def _add_metadata(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    numbers: Mapping[str, Mapping[str, str | int | float]],
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

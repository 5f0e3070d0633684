"""Where a run reads and writes, and what the gap is measured on."""

from typing import Literal

import dagster as dg
from pydantic import Field

from gap_assets.profiles import ProfileName
from gap_assets.resources.base import Determining
from gap_assets.warehouse.store import Warehouse


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The DuckDB file, or the DuckLake."""

    path: str
    files: str | None = None
    patience_s: float = 300.0

    def open(self) -> Warehouse:
        """The warehouse; it connects for each transaction."""
        return Warehouse(path=self.path, files=self.files, patience_s=self.patience_s)


class Sources(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the videos and the human captions are, and where the report goes."""

    videos: str
    excluded: str
    captions: str | None = None
    report: str
    profile: ProfileName


class GapStatistics(Determining):
    """What the gap is measured on, and how often it is resampled."""

    fusion: Literal["mean", "medoid", "max", "middle"] = "mean"
    text_source: Literal["summary", "captions", "filtered", "reference"] = "summary"
    seed: int = 0
    bootstraps: int = Field(default=1000, ge=1)
    permutations: int = Field(default=999, ge=1)
    neighbors: int = Field(default=15, ge=2)
    untrained_seeds: int = Field(default=5, ge=0)
    untrained_videos: int = Field(default=500, ge=3)

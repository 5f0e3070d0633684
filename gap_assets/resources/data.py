"""Where a run reads and writes, and what the gap is measured on."""

import dagster as dg

from gap_assets import choices
from gap_assets.profiles import ProfileName
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


class GapStatistics(choices.GapStatistics, dg.ConfigurableResource):  # type: ignore[type-arg]
    """What the gap is measured on, and how often it is resampled."""

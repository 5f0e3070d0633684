"""Resources: the parameters as Dagster's config, the models, and where a run reads and writes.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import dagster as dg
from pydantic import Field

from gap_assets import parameters
from gap_assets.parameters import settings_fingerprint
from gap_assets.profiles import PROFILES, ProfileName
from gap_assets.settings import Settings, default_parameters
from gap_assets.warehouse.store import Warehouse


# Dagster shows a union in the launchpad if its members are its own.
class FramesPerSecond(parameters.FramesPerSecond, dg.Config):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""


class EverySeconds(parameters.EverySeconds, dg.Config):
    """The frame on screen every so many seconds."""


class FixedCount(parameters.FixedCount, dg.Config):
    """The same number of frames of every video, evenly spread."""


class KeyFrames(parameters.KeyFrames, dg.Config):
    """The frames that the encoder stored whole."""


class FrameSampling(parameters.FrameSampling, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which frames are kept, and as what pictures."""

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]


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


class GapStatistics(parameters.GapStatistics, dg.ConfigurableResource):  # type: ignore[type-arg]
    """What the gap is measured on, and how often it is resampled."""


class CocaModel(parameters.CocaModel, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The CoCa that embeds frames and texts, and captions frames unless told otherwise."""


class Captioning(parameters.Captioning, dg.ConfigurableResource):  # type: ignore[type-arg]
    """How frame captions are decoded."""


class CaptionFilter(parameters.CaptionFilter, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which captions of a video are kept for its summary."""


class SummarizerModel(parameters.SummarizerModel, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The language model that turns a video's captions into one summary."""


CHOSEN = {
    "coca": CocaModel,
    "captioning": Captioning,
    "caption_filter": CaptionFilter,
    "summarizer": SummarizerModel,
    "statistics": GapStatistics,
}


def settings_in(context: dg.AssetExecutionContext, asset: str) -> str:
    """The fingerprint of an asset's settings in a run."""
    return settings_fingerprint(asset, lambda key: getattr(context.resources, key))


def default_resources(settings: Settings) -> Mapping[str, Any]:
    """The resources of a data folder, by key."""
    chosen = default_parameters(settings)
    # What a choice leaves to its defaults, for instance to the machine's cores, is left to the run.
    return {
        "warehouse": WarehouseResource(path=settings.warehouse, files=settings.warehouse_files),
        "sources": Sources(
            videos=str(settings.videos_directory),
            excluded=str(settings.data / "excluded.txt"),
            captions=str(settings.captions) if settings.captions else None,
            report=str(settings.report),
            profile=settings.models,
        ),
        "sampling": FrameSampling(
            sampling=FramesPerSecond(rate=settings.frames_per_second),
            short_side=PROFILES[settings.models].frame_short_side,
        ),
        **{
            key: resource(**chosen[key].model_dump(exclude_unset=True))
            for key, resource in CHOSEN.items()
        },
    }

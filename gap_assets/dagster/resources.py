"""Resources: the parameters as Dagster's config, the models, and where a run reads and writes.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Any, TypeVar

import dagster as dg
from pydantic import ConfigDict, Field, create_model

from gap_assets import parameters
from gap_assets.encoders import choice
from gap_assets.parameters import settings_fingerprint
from gap_assets.pipeline.provenance import choices_of, configuration
from gap_assets.settings import Settings, default_parameters
from gap_assets.warehouse.ledger import Configuration
from gap_assets.warehouse.store import Warehouse

R = TypeVar("R", bound=dg.ConfigurableResource[Any])


# Dagster shows a union in the launchpad if its members are its own.
class FramesPerSecond(parameters.FramesPerSecond, dg.Config):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""


class EverySeconds(parameters.EverySeconds, dg.Config):
    """The frame on screen every so many seconds."""


class FixedCount(parameters.FixedCount, dg.Config):
    """The same number of frames of every video, evenly spread."""


class KeyFrames(parameters.KeyFrames, dg.Config):
    """The frames that the encoder stored whole."""


SAMPLINGS: tuple[type[Any], ...] = (FramesPerSecond, EverySeconds, FixedCount, KeyFrames)
KINDS = {sampling.model_fields["kind"].default: sampling for sampling in SAMPLINGS}


class FrameSampling(parameters.FrameSampling, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which frames are kept, and as what pictures."""

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]
    """Which frames are kept; for instance `frames_per_second: {rate: 2}`."""


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The DuckDB file, or the DuckLake."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """The DuckDB file, or `ducklake:postgres:…` for a lake."""
    files: str | None = None
    """Where a lake keeps its Parquet files."""
    patience_s: float = 300.0
    """Seconds to wait for another program that has the file open."""

    def open(self) -> Warehouse:
        """The warehouse; it connects for each transaction."""
        return Warehouse(path=self.path, files=self.files, patience_s=self.patience_s)


class Sources(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the videos and the human captions are, and where the report goes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    videos: str
    """The folder of the videos, or one video file."""
    more_videos: list[str] = Field(default=[])
    """Other folders whose videos belong to the same data folder."""
    only: list[str] = Field(default=[])
    """Ids of the new videos to take into the catalogue; none for all of the folder."""
    excluded: str
    """A text file that names videos to leave out, one a line."""
    captions: str | None = None
    """A file or folder of human captions (.json, .jsonl, .csv)."""
    report: str
    """The folder that the report is written to."""

    @property
    def places(self) -> list[Path]:
        """Where the videos are."""
        return [Path(place) for place in (self.videos, *self.more_videos)]


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


class Encoders(choice.Encoders, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The encoders that see the same frames and texts as the embedding CoCa."""


CHOSEN: dict[str, type[dg.ConfigurableResource[Any]]] = {
    "sampling": FrameSampling,
    "coca": CocaModel,
    "captioning": Captioning,
    "caption_filter": CaptionFilter,
    "summarizer": SummarizerModel,
    "statistics": GapStatistics,
    "encoders": Encoders,
}


def settings_in(context: dg.AssetExecutionContext, asset: str) -> str:
    """The fingerprint of an asset's settings in a run."""
    return settings_fingerprint(asset, lambda key: getattr(context.resources, key))


def choices_in(context: dg.AssetExecutionContext, asset: str) -> Mapping[str, Any]:
    """The groups of parameters that an asset's results depend on, as a run has them."""
    return choices_of(asset, lambda key: getattr(context.resources, key))


def configuration_in(context: dg.AssetExecutionContext, asset: str) -> Configuration:
    """What the fingerprint of an asset's settings in a run stands for."""
    return configuration(asset, lambda key: getattr(context.resources, key))


def with_defaults(resource: type[R], **values: Any) -> R:
    """A resource that a run may configure in part: each field left out keeps its value of here.

    Dagster fills what a config leaves out from the defaults of the class, not from the instance, so
    a run that sets one field would silently lose all others. The fields' defaults are the values.
    """
    fields: dict[str, Any] = {}
    for name, value in values.items():
        field = copy(resource.model_fields[name])
        field.default, field.default_factory = value, None
        fields[name] = (field.annotation, field)
    own: type[R] = create_model(
        resource.__name__, __base__=resource, __doc__=resource.__doc__, **fields
    )
    return own(**values)


def default_resources(settings: Settings) -> Mapping[str, Any]:
    """The resources of a data folder, by key."""
    # What a choice leaves to its defaults, for instance to the machine's cores, is left to the run.
    chosen = {
        key: choice.model_dump(exclude_unset=True)
        for key, choice in default_parameters(settings).items()
    }
    kind = chosen["sampling"]["sampling"].pop("kind")
    chosen["sampling"]["sampling"] = KINDS[kind](**chosen["sampling"]["sampling"])
    return {
        "warehouse": with_defaults(
            WarehouseResource, path=settings.warehouse, files=settings.warehouse_files
        ),
        "sources": with_defaults(
            Sources,
            videos=str(settings.videos_directory),
            more_videos=[str(place) for place in settings.more_videos],
            excluded=str(settings.excluded),
            captions=str(settings.captions) if settings.captions else None,
            report=str(settings.report),
        ),
        **{key: with_defaults(resource, **chosen[key]) for key, resource in CHOSEN.items()},
    }

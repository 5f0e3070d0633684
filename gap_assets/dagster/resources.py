"""Resources: the parameters as Dagster's config, the models, and where a run reads and writes.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
from pydantic import Field

from gap_assets import parameters
from gap_assets.coca.settings import DecodeSettings
from gap_assets.limits import Limits
from gap_assets.parameters import settings_fingerprint
from gap_assets.pipeline.models import resident_coca, resident_summarizer
from gap_assets.profiles import PROFILES, ProfileName
from gap_assets.settings import Settings, default_parameters
from gap_assets.video import sampling as core_sampling
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca
    from gap_assets.pipeline.captions import Calibration
    from gap_assets.summaries.summarizer import Summarizer


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

    def core(self) -> core_sampling.Sampling:
        """The core's name for the sampling."""
        match self.sampling:
            case FramesPerSecond(rate=rate):
                return core_sampling.FramesPerSecond(rate=rate)
            case EverySeconds(seconds=seconds):
                return core_sampling.EverySeconds(seconds=seconds)
            case FixedCount(count=count):
                return core_sampling.FixedCount(count=count)
            case _:
                return core_sampling.KeyFrames()

    def limits(self) -> Limits:
        """What a video may cost."""
        return Limits(
            max_pixels=int(self.max_megapixels * 1e6),
            max_frames=self.max_frames,
            max_decode_seconds=self.max_decode_seconds,
        )


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

    def load(self, *, weights: str | None = None) -> "Coca":
        """The model, loaded once per process.

        Args:
            weights: Another tag than the resource's own.
        """
        return resident_coca(self, weights=weights)

    def untrained(self, *, seed: int) -> "Coca":
        """The same architecture with random weights, for as long as the caller holds it."""
        from gap_assets.coca.model import load_coca

        return load_coca(
            model=self.model,
            weights=None,
            device=self.device,
            precision=self.precision,
            seed=seed,
        )

    def logit_scale(self) -> float:
        """The model's own inverse temperature, learned with it."""
        from gap_assets.coca.cost import logit_scale

        return logit_scale(self.model, self.weights)


class Captioning(parameters.Captioning, dg.ConfigurableResource):  # type: ignore[type-arg]
    """How frame captions are decoded."""

    def core(self) -> "DecodeSettings":
        """The core's name for these settings."""
        return DecodeSettings(**self.model_dump(exclude={"weights"}))


class CaptionFilter(parameters.CaptionFilter, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which captions of a video are kept for its summary."""

    def calibrate(self, coca: CocaModel) -> "Calibration | None":
        """How far apart captions of this model lie; None where the method does not compare them."""
        if self.method != "cluster":
            return None
        from gap_assets.coca.text import embed_texts
        from gap_assets.pipeline.captions import calibrate, calibration_captions

        return calibrate(embed_texts(coca.load(), calibration_captions(coca.model)).embeddings)


class SummarizerModel(parameters.SummarizerModel, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The language model that turns a video's captions into one summary."""

    def load(self) -> "Summarizer":
        """The model, loaded once per process."""
        return resident_summarizer(self)


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

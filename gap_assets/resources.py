"""Resources: everything that determines a result, as typed config, and the models themselves.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import dagster as dg
from pydantic import Field

from gap_assets.coca.settings import DecodeSettings
from gap_assets.lineage import fingerprint
from gap_assets.profiles import PROFILES
from gap_assets.settings import Settings
from gap_assets.video import sampling as core_sampling
from gap_assets.video.decode import Limits
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.captions.filtering import Calibration
    from gap_assets.coca.model import Coca
    from gap_assets.summaries.summarizer import Summarizer

T = TypeVar("T")


class Determining(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A resource whose config determines results, but for the fields that it names as free."""

    free: ClassVar[frozenset[str]] = frozenset()

    def determines(self) -> Any:
        """What a change of makes the results stale, as JSON-able values."""
        return self.model_dump(exclude=set(self.free))


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The DuckDB file."""

    path: str
    patience_s: float = 300.0

    def open(self) -> Warehouse:
        """The warehouse; it connects for each transaction."""
        return Warehouse(path=Path(self.path), patience_s=self.patience_s)


class Sources(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the videos and the human captions are, and where the report goes."""

    videos: str
    captions: str | None = None
    report: str
    profile: str


class FramesPerSecond(dg.Config):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""

    kind: Literal["frames_per_second"] = "frames_per_second"
    rate: float = Field(default=1.0, gt=0)


class EverySeconds(dg.Config):
    """The frame on screen every so many seconds."""

    kind: Literal["every_seconds"] = "every_seconds"
    seconds: float = Field(gt=0)


class FixedCount(dg.Config):
    """The same number of frames of every video, evenly spread."""

    kind: Literal["fixed_count"] = "fixed_count"
    count: int = Field(ge=1)


class KeyFrames(dg.Config):
    """The frames that the encoder stored whole."""

    kind: Literal["key_frames"] = "key_frames"


class FrameSampling(Determining):
    """Which frames are kept, and as what pictures."""

    free: ClassVar[frozenset[str]] = frozenset({"threads"})

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]
    short_side: int = Field(ge=16)
    jpeg_quality: int = Field(default=90, ge=1, le=100)
    max_megapixels: float = Limits.max_pixels / 1e6
    max_frames: int = Limits.max_frames
    max_decode_seconds: float = Limits.max_decode_seconds
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1)

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


class CocaModel(Determining):
    """The CoCa that embeds frames and texts, and captions frames unless told otherwise."""

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_size"})

    model: str
    weights: str | None = None
    precision: Literal["auto", "fp32", "fp16"] = "auto"
    device: str = "auto"
    batch_size: int = Field(default=64, ge=1)

    def determines(self) -> Any:
        """The config, and the content of a folder of weights."""
        return {**super().determines(), "model": _content(self.model.removeprefix("local-dir:"))}

    def load(self, *, weights: str | None = None, seed: int | None = None) -> "Coca":
        """The model, loaded once per process.

        Args:
            weights: Another tag than the resource's own.
            seed: Gives random weights instead of trained ones.
        """
        from gap_assets.coca.model import load_coca

        tag = None if seed is not None else (weights or self.weights)
        key = (self.model, tag, self.precision, self.device, seed)
        return _resident(
            key,
            lambda: load_coca(
                model=self.model,
                weights=tag,
                device=self.device,
                precision=self.precision,
                seed=seed,
            ),
        )

    def logit_scale(self) -> float:
        """The model's own inverse temperature, learned with it."""
        return float(self.load().module.logit_scale.exp())


class Captioning(Determining):
    """How frame captions are decoded.

    Attributes:
        weights: Another tag of the same architecture for captions only; then frames are encoded
            twice. None: the tag that embeds.
    """

    weights: str | None = None
    mode: Literal["greedy", "beam", "compat", "sample"] = "greedy"
    beams: int = Field(default=4, ge=1)
    max_tokens: int = Field(default=30, ge=2)
    min_tokens: int = Field(default=5, ge=0)
    length_penalty: float = 1.0
    temperature: float = Field(default=1.0, gt=0)
    seed: int = 0

    def core(self) -> "DecodeSettings":
        """The core's name for these settings."""
        return DecodeSettings(**self.model_dump(exclude={"weights"}))


class CaptionFilter(Determining):
    """Which captions of a video are kept for its summary."""

    method: Literal["cluster", "run_length", "none"]

    def calibrate(self, coca: CocaModel) -> "Calibration | None":
        """How far apart captions of this model lie; None where the method does not compare them."""
        if self.method != "cluster":
            return None
        from gap_assets.captions.filtering import calibrate, calibration_captions
        from gap_assets.coca.text import embed_texts

        return calibrate(embed_texts(coca.load(), calibration_captions(coca.model)).embeddings)


class SummarizerModel(Determining):
    """The language model that turns a video's captions into one summary.

    Attributes:
        prompt: A template with the field {captions}; None: the default of the model's kind.
    """

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_tokens"})

    model: str
    revision: str | None = None
    prompt: str | None = None
    max_new_tokens: int = Field(default=60, ge=1)
    repetition_penalty: float = Field(default=1.0, ge=1)
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    device: str = "auto"
    batch_tokens: int = Field(default=8192, ge=1)

    def determines(self) -> Any:
        """The config, and the content of a folder of weights."""
        return {**super().determines(), "model": _content(self.model)}

    def load(self) -> "Summarizer":
        """The model, loaded once per process."""
        from gap_assets.summaries.summarizer import load_summarizer

        key = (self.model, self.revision, self.device, self.dtype)
        return _resident(
            key,
            lambda: load_summarizer(
                model=self.model, device=self.device, dtype=self.dtype, revision=self.revision
            ),
        )


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


# The settings that each asset depends on, by resource; assets that are not here have none.
SETTINGS: dict[str, tuple[str, ...]] = {
    "frames": ("sampling",),
    "frame_captions": ("coca", "captioning"),
    "frame_embeddings": ("coca",),
    "filtered_captions": ("coca", "caption_filter"),
    "video_summaries": ("summarizer",),
    "text_embeddings": ("coca",),
    "untrained_embeddings": ("coca", "statistics"),
    "projection_model": ("statistics",),
    "gap_metrics": ("coca", "statistics"),
    "gap_report": ("coca", "captioning", "summarizer", "sampling", "statistics"),
}


def settings_fingerprint(asset: str, find: Callable[[str], Any]) -> str:
    """The fingerprint of an asset's settings, given a way to find a resource by its key."""
    return fingerprint([find(key).determines() for key in SETTINGS.get(asset, ())])


def settings_in(context: dg.AssetExecutionContext, asset: str) -> str:
    """The fingerprint of an asset's settings in a run."""
    return settings_fingerprint(asset, lambda key: getattr(context.resources, key))


def default_resources(settings: Settings) -> Mapping[str, Any]:
    """The resources of a data folder, by key."""
    profile = PROFILES[settings.models]
    return {
        "warehouse": WarehouseResource(path=str(settings.warehouse)),
        "sources": Sources(
            videos=str(settings.videos_directory),
            captions=str(settings.captions) if settings.captions else None,
            report=str(settings.report),
            profile=settings.models,
        ),
        "sampling": FrameSampling(
            sampling=FramesPerSecond(rate=settings.frames_per_second),
            short_side=profile.frame_short_side,
        ),
        "coca": CocaModel(model=profile.coca, weights=profile.weights),
        "captioning": Captioning(),
        "caption_filter": CaptionFilter(method=profile.caption_filter),
        "summarizer": SummarizerModel(model=profile.summarizer, prompt=profile.prompt),
        "statistics": GapStatistics(),
    }


def _content(model: str) -> Any:
    """What identifies a model: its name, or for a folder of weights what is in it."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    listing = folder / "SHA256SUMS"
    if listing.is_file():
        return listing.read_text(encoding="utf-8")
    return sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir())


_models: dict[Any, Any] = {}


def _resident(key: Any, load: Callable[[], T]) -> T:
    """Keeps loaded models for the life of the process; on a GPU only the last one asked for."""
    if key not in _models:
        import torch

        if torch.cuda.is_available():
            _models.clear()
            torch.cuda.empty_cache()
        _models[key] = load()
    model: T = _models[key]
    return model

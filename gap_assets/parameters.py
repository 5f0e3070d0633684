"""Everything that determines a result, as typed values: models, sampling, decoding, statistics.

`gap status` compares these with the ledger without loading Dagster; `gap_assets.dagster.resources`
offers the same in the launchpad. What belongs to a data folder or a machine is in
`gap_assets.settings`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from gap_assets.graph import STEPS, fingerprint
from gap_assets.limits import Limits
from gap_assets.profiles import LOCAL, canonical_model, canonical_weights, is_local


class Choice(BaseModel):
    """Settings that determine results, but for the fields that it names as free."""

    free: ClassVar[frozenset[str]] = frozenset()

    def determines(self) -> Any:
        """What a change of makes the results stale, as JSON-able values."""
        return self.model_dump(exclude=set(self.free))


class FramesPerSecond(BaseModel):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds.

    Unlike there, a picture that stays for more than 10 s counts once, here and in what follows: it
    cannot be told from a gap in the recording.
    """

    kind: Literal["frames_per_second"] = "frames_per_second"
    rate: float = Field(default=1.0, gt=0)


class EverySeconds(BaseModel):
    """The frame on screen every so many seconds."""

    kind: Literal["every_seconds"] = "every_seconds"
    seconds: float = Field(gt=0)


class FixedCount(BaseModel):
    """The same number of frames of every video, evenly spread; fewer where a picture stays."""

    kind: Literal["fixed_count"] = "fixed_count"
    count: int = Field(ge=1)


class KeyFrames(BaseModel):
    """The frames that the encoder stored whole."""

    kind: Literal["key_frames"] = "key_frames"


class FrameSampling(Choice):
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


class CocaModel(Choice):
    """The CoCa that embeds frames and texts, and captions frames unless told otherwise.

    Where `precision` is `auto`, results by a CPU (fp32) and by a GPU (fp16) count as the same.
    """

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_size"})

    model: Annotated[str, AfterValidator(canonical_model)]
    weights: Annotated[str | None, AfterValidator(canonical_weights)] = None
    precision: Literal["auto", "fp32", "fp16"] = "auto"
    device: str = "auto"
    batch_size: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.weights is None and not is_local(self.model):
            raise ValueError(
                f"{self.model} needs weights: set `weights` to one of its tags or a file. Random"
                " weights are only for the untrained control."
            )
        return self

    def determines(self) -> Any:
        """The config, and the content of local weights."""
        chosen = super().determines()
        model = _content(self.model.removeprefix(LOCAL))
        return chosen | {"model": model, "weights": _content(self.weights)}


class Captioning(Choice):
    """How frame captions are decoded.

    Attributes:
        weights: Another tag of the same architecture for captions only; then frames are encoded
            twice. None: the tag that embeds.
        beams: Width of the search; None: 4 in the mode `beam`, and in `compat` the 2 of open_clip.
    """

    weights: Annotated[str | None, AfterValidator(canonical_weights)] = None
    mode: Literal["greedy", "beam", "compat", "sample"] = "greedy"
    beams: int | None = Field(default=None, ge=1)
    max_tokens: int = Field(default=30, ge=2)
    min_tokens: int = Field(default=5, ge=0)
    length_penalty: float = 1.0
    temperature: float = Field(default=1.0, gt=0)
    seed: int = 0

    @property
    def width(self) -> int:
        """How many beams a search has."""
        return self.beams or (2 if self.mode == "compat" else 4)

    def determines(self) -> Any:
        """The config, and the content of local weights."""
        made_explicit = {"weights": _content(self.weights), "beams": self.width}
        return super().determines() | made_explicit


class CaptionFilter(Choice):
    """Which captions of a video are kept for its summary."""

    method: Literal["cluster", "run_length", "none"]


class SummarizerModel(Choice):
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


class GapStatistics(Choice):
    """What the gap is measured on, and how often it is resampled.

    Attributes:
        untrained_seeds: At most so many untrained networks; 0: none.
        untrained_videos: At most so many videos are seen by them.
        untrained_share: Of the corpus's frames, at most so many are encoded by all of them
            together, but for what `gap_assets.pipeline.untrained` always allows. What they tell
            hardly depends on it: networks differ by more than frames and videos do.
    """

    fusion: Literal["mean", "medoid", "max", "middle"] = "mean"
    text_source: Literal["summary", "captions", "filtered", "reference"] = "summary"
    seed: int = 0
    bootstraps: int = Field(default=1000, ge=1)
    permutations: int = Field(default=999, ge=19)  # With fewer no p reaches 0.05.
    neighbors: int = Field(default=15, ge=2)
    untrained_seeds: int = Field(default=5, ge=0)
    untrained_videos: int = Field(default=500, ge=3)
    untrained_share: float = Field(default=0.25, ge=0, allow_inf_nan=False)


def settings_fingerprint(asset: str, find: Callable[[str], Any]) -> str:
    """The fingerprint of an asset's settings, given a way to find a choice by its key."""

    def value(parameter: str) -> Any:
        key, _, field = parameter.partition(".")
        determines = find(key).determines()
        return determines[field] if field else determines

    return fingerprint([value(parameter) for parameter in STEPS[asset].parameters])


def _content(model: str | None) -> Any:
    """What identifies a model: its name, or for a folder or a file of weights what is in it."""
    folder = Path(model or "")
    if model is None or not folder.exists():
        return model
    if folder.is_file():
        return folder.stat().st_size, folder.stat().st_mtime_ns
    listing = folder / "SHA256SUMS"
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
        return [line for line in lines if not line.endswith(".md")]  # A card changes no result.
    return sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir())


FIELD = "{captions}"


def check_prompt(prompt: str) -> str:
    """Returns the prompt; refuses one that has no place for the captions.

    Raises:
        ValueError: The field `{captions}` does not occur exactly once.
    """
    if prompt.count(FIELD) != 1:
        raise ValueError(
            f"The summary prompt must hold the field {FIELD} exactly once; "
            f"it holds it {prompt.count(FIELD)} times."
        )
    return prompt

"""Everything that determines a result, as typed values: models, sampling, decoding, statistics.

`gap status` compares these with the ledger without loading Dagster; `gap_assets.dagster.resources`
offers the same in the launchpad. What belongs to a data folder or a machine is in
`gap_assets.settings`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gap_assets.graph import STEPS, fingerprint
from gap_assets.limits import Limits
from gap_assets.profiles import LOCAL, canonical_model, canonical_weights, is_local

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


class Documented(BaseModel):
    """Values whose fields are described by the docstrings below them, for the launchpad too."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class Choice(Documented):
    """Settings that determine results, but for the fields that it names as free."""

    free: ClassVar[frozenset[str]] = frozenset()

    def determines(self) -> Any:
        """What a change of makes the results stale, as JSON-able values."""
        return self.model_dump(exclude=set(self.free))


class FramesPerSecond(Documented):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""

    kind: Literal["frames_per_second"] = "frames_per_second"
    rate: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Frames per second, above 0; for instance 0.5, one frame every two seconds."""


class EverySeconds(Documented):
    """The frame on screen every so many seconds."""

    kind: Literal["every_seconds"] = "every_seconds"
    seconds: float = Field(gt=0, allow_inf_nan=False)
    """Seconds from one frame to the next, above 0; for instance 5."""


class FixedCount(Documented):
    """The same number of frames of every video, evenly spread."""

    kind: Literal["fixed_count"] = "fixed_count"
    count: int = Field(ge=1)
    """Frames of each video, at least 1; for instance 8."""


class KeyFrames(Documented):
    """The frames that the encoder stored whole."""

    kind: Literal["key_frames"] = "key_frames"


class FrameSampling(Choice):
    """Which frames are kept, and as what pictures."""

    free: ClassVar[frozenset[str]] = frozenset({"threads"})

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]
    """Which frames are kept; for instance `frames_per_second: {rate: 2}`."""
    stills: Literal["repeated", "once"] = "repeated"
    """A picture that stays is stored once; repeated lets it count as often as ffmpeg repeats it."""
    short_side: int = Field(ge=16)
    """Pixels of the shorter side of a stored frame, at least 16; a little more than CoCa sees."""
    jpeg_quality: int = Field(default=90, ge=1, le=100)
    """Quality of the stored JPEGs, 1 to 100."""
    max_megapixels: float = Field(default=Limits.max_pixels / 1e6, gt=0)
    """A larger picture is refused, whatever the file's header claims."""
    max_frames: int = Field(default=Limits.max_frames, ge=1)
    """At most so many frames of a video are kept, repeats of a still included."""
    max_decode_seconds: float = Field(default=Limits.max_decode_seconds, gt=0)
    """Decoding a video is given up after so many seconds."""
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """How many videos are decoded at a time; no result depends on it."""

    def determines(self) -> Any:
        """The config; the usual way with stills has no name, so that older results stay current."""
        chosen = super().determines()
        if self.stills == "repeated":
            del chosen["stills"]
        return chosen


class CocaModel(Choice):
    """The CoCa that embeds frames and texts, and captions frames unless told otherwise.

    Where `precision` is `auto`, results by a CPU (fp32) and by a GPU (fp16) count as the same.
    """

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_size"})

    model: Annotated[str, AfterValidator(canonical_model)]
    """A name of open_clip's, such as coca_ViT-L-14, or `local-dir:` and a folder."""
    weights: Annotated[str | None, AfterValidator(canonical_weights)] = None
    """The tag of its weights, such as laion2B-s13B-b90k, or a file; null for a folder's own."""
    precision: Literal["auto", "fp32", "fp16"] = "auto"
    """auto is fp16 on a GPU and fp32 on a CPU."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1; no result depends on it."""
    batch_size: int = Field(default=64, ge=1)
    """Frames at a time; halved by itself where a GPU's memory is short. No result depends on it."""

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.weights is None and not is_local(self.model):
            raise ValueError(
                f"{self.model} needs weights: set `weights` to one of its tags or a file. Random"
                " weights are only for the untrained control."
            )
        if self.weights is not None and is_local(self.model):
            raise ValueError(
                f"{self.model} holds its own weights: set `weights` to null, or name a model of"
                " open_clip's."
            )
        return self

    def determines(self) -> Any:
        """The config, and the content of local weights."""
        chosen = super().determines()
        model = _content(self.model.removeprefix(LOCAL))
        return chosen | {"model": model, "weights": _content(self.weights)}


class Captioning(Choice):
    """How frame captions are decoded."""

    weights: Annotated[str | None, AfterValidator(canonical_weights)] = None
    """Another tag of the same CoCa for captions only; frames are then encoded twice."""
    mode: Literal["greedy", "beam", "compat", "sample"] = "greedy"
    """compat is what open_clip 3.3's own `generate` computes."""
    beams: int | None = Field(default=None, ge=1)
    """Width of the search, at least 1; null: 4 in the mode beam, in compat the 2 of open_clip."""
    max_tokens: int = Field(default=30, ge=2)
    """Longest caption in tokens, at least 2, start and end included."""
    min_tokens: int = Field(default=5, ge=0)
    """Tokens that come before the end, the start included."""
    length_penalty: float = 1.0
    """A search divides a caption's score by its length to this power."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the mode sample, above 0; for instance 0.7."""
    seed: int = 0
    """Of the mode sample."""

    @property
    def width(self) -> int:
        """How many beams a search has."""
        return self.beams or (2 if self.mode == "compat" else 4)

    def determines(self) -> Any:
        """The config, and the content of local weights."""
        made_explicit = {"weights": _content(self.weights), "beams": self.width}
        return super().determines() | made_explicit


EARLIER_CHANCE = 0.01  # before it was a parameter


class CaptionFilter(Choice):
    """Which captions of a video are kept for its summary."""

    method: Literal["cluster", "run_length", "none"]
    """cluster keeps one caption of those that say the same, run_length the first of each run."""
    chance: float = Field(default=0.01, gt=0, lt=1)
    """The share of different captions that cluster may merge, 0 to 1; less keeps more."""

    def determines(self) -> Any:
        """The config, without what it does not use or what was not a choice once."""
        used = self.method == "cluster" and self.chance != EARLIER_CHANCE
        return self.model_dump(exclude=set() if used else {"chance"})


class SummarizerModel(Choice):
    """The language model that turns a video's captions into one summary."""

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_tokens"})

    model: str
    """A name on the hub, such as google/flan-t5-base, or a folder."""
    revision: str | None = None
    """A branch, tag or commit of the repository; null: its main branch."""
    prompt: Annotated[str, AfterValidator(check_prompt)] | None = None
    """A template with the field {captions}; null: the default of the model's kind."""
    returns: bool = False
    """Give a kept caption again each time the video comes back to it, not only at its first."""
    max_new_tokens: int = Field(default=60, ge=1)
    """Longest summary in tokens, at least 1."""
    repetition_penalty: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    """Above 1 discourages words that the summary already has; 1 leaves the model alone."""
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    """auto is half precision on a GPU and fp32 on a CPU."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1; no result depends on it."""
    batch_tokens: int = Field(default=8192, ge=1)
    """Tokens at a time; no result depends on it."""

    def determines(self) -> Any:
        """The config, and the content of a folder of weights; `returns` only where it is chosen."""
        values = {**super().determines(), "model": _content(self.model)}
        return values if self.returns else {k: v for k, v in values.items() if k != "returns"}


class GapStatistics(Choice):
    """What the gap is measured on, and how often it is resampled."""

    fusion: Literal["mean", "medoid", "max", "middle"] = "mean"
    """How the embeddings of a video's frames become one."""
    text_source: Literal["summary", "captions", "filtered", "reference"] = "summary"
    """What a video is compared with."""
    seed: int = 0
    """Of all that is random in the statistics and in the pictures."""
    bootstraps: int = Field(default=1000, ge=1)
    """Resamples of the videos behind each interval, at least 1."""
    permutations: int = Field(default=999, ge=19)  # With fewer no p reaches 0.05.
    """Shuffles behind each p-value, at least 19."""
    # Of 0.1, items of one modality are .005 more alike, as a cosine, than items of two; CLIP's gap
    # is eight times as large. A cone of 0.1 is a mean angle of 84 degrees.
    smallest_gap: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """The smallest gap of interest: the verdict tells larger from smaller ones."""
    smallest_cone: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """The smallest mean cosine that counts as a cone."""
    neighbors: int = Field(default=15, ge=2)
    """UMAP's neighbours, at least 2."""
    untrained_seeds: int = Field(default=5, ge=0)
    """At most so many untrained networks; 0: none."""
    untrained_videos: int = Field(default=500, ge=3)
    """At most so many videos, at least 3, are seen by them."""
    # What they tell hardly depends on it: networks differ by more than frames and videos do.
    untrained_share: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    """Of the corpus's frames, at most so many are encoded by all of them together."""


def settings_fingerprint(asset: str, find: Callable[[str], Any]) -> str:
    """The fingerprint of an asset's settings, given a way to find a choice by its key."""
    return fingerprint([*settings_values(asset, find).values()])


def settings_values(asset: str, find: Callable[[str], Any]) -> dict[str, Any]:
    """What determines an asset's results besides its inputs: JSON-able values by parameter."""

    def value(parameter: str) -> Any:
        key, _, field = parameter.partition(".")
        determines = find(key).determines()
        return determines[field] if field else determines

    return {parameter: value(parameter) for parameter in STEPS[asset].parameters}


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

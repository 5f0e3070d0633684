"""The models, and how they are asked. Loading and running them is the core's work."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from gap_assets.coca.settings import DecodeSettings
from gap_assets.resources.base import Determining

if TYPE_CHECKING:
    from gap_assets.captions.filtering import Calibration
    from gap_assets.coca.model import Coca
    from gap_assets.summaries.summarizer import Summarizer

T = TypeVar("T")


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


def _content(model: str) -> Any:
    """What identifies a model: its name, or for a folder of weights what is in it."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    listing = folder / "SHA256SUMS"
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.endswith(".md")]  # A card changes no result.
    return sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir())


_models: dict[Any, Any] = {}


def _resident(key: Any, load: Callable[[], T]) -> T:
    """Keeps loaded models for the life of the process; on a GPU only while half of it is free."""
    if key not in _models:
        if _models and _gpu_is_filling():
            _models.clear()
        _models[key] = load()
    model: T = _models[key]
    return model


def _gpu_is_filling() -> bool:
    import torch

    if not torch.cuda.is_available():
        return False
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    return free < total / 2

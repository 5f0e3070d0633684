"""The models, and how they are asked. Loading and running them is the core's work."""

from typing import TYPE_CHECKING

import dagster as dg

from gap_assets import choices
from gap_assets.coca.settings import DecodeSettings
from gap_assets.pipeline.models import resident

if TYPE_CHECKING:
    from gap_assets.captions.filtering import Calibration
    from gap_assets.coca.model import Coca
    from gap_assets.summaries.summarizer import Summarizer


class CocaModel(choices.CocaModel, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The CoCa that embeds frames and texts, and captions frames unless told otherwise."""

    def load(self, *, weights: str | None = None) -> "Coca":
        """The model, loaded once per process.

        Args:
            weights: Another tag than the resource's own.
        """
        tag = weights or self.weights
        key = (self.model, tag, self.precision, self.device)
        return resident(key, lambda: self._load(tag), device=self.device)

    def untrained(self, *, seed: int) -> "Coca":
        """The same architecture with random weights, for as long as the caller holds it."""
        return self._load(None, seed=seed)

    def _load(self, weights: str | None, *, seed: int | None = None) -> "Coca":
        from gap_assets.coca.model import load_coca

        return load_coca(
            model=self.model,
            weights=weights,
            device=self.device,
            precision=self.precision,
            seed=seed,
        )

    def logit_scale(self) -> float:
        """The model's own inverse temperature, learned with it."""
        from gap_assets.coca.cost import logit_scale

        return logit_scale(self.model, self.weights)


class Captioning(choices.Captioning, dg.ConfigurableResource):  # type: ignore[type-arg]
    """How frame captions are decoded."""

    def core(self) -> "DecodeSettings":
        """The core's name for these settings."""
        return DecodeSettings(**self.model_dump(exclude={"weights"}))


class CaptionFilter(choices.CaptionFilter, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which captions of a video are kept for its summary."""

    def calibrate(self, coca: CocaModel) -> "Calibration | None":
        """How far apart captions of this model lie; None where the method does not compare them."""
        if self.method != "cluster":
            return None
        from gap_assets.captions.filtering import calibrate, calibration_captions
        from gap_assets.coca.text import embed_texts

        return calibrate(embed_texts(coca.load(), calibration_captions(coca.model)).embeddings)


class SummarizerModel(choices.SummarizerModel, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The language model that turns a video's captions into one summary."""

    def load(self) -> "Summarizer":
        """The model, loaded once per process."""
        from gap_assets.summaries.summarizer import load_summarizer

        key = (self.model, self.revision, self.device, self.dtype)
        return resident(
            key,
            lambda: load_summarizer(
                model=self.model, device=self.device, dtype=self.dtype, revision=self.revision
            ),
            device=self.device,
        )

"""The parameters that a data folder's settings and its profile choose, and so every run's defaults.

What parameters there are is in `gap_assets.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gap_assets.encoders.choice import Encoders, trained
from gap_assets.encoders.names import is_untrained, untrained_count
from gap_assets.graph import STEPS
from gap_assets.parameters import (
    CaptionFilter,
    Captioning,
    Choice,
    CocaModel,
    FrameSampling,
    GapStatistics,
    SummarizerModel,
    settings_fingerprint,
)
from gap_assets.profiles import PROFILES, is_local
from gap_assets.settings.refusals import refusal

if TYPE_CHECKING:  # Settings are checked by what they choose.
    from gap_assets.settings.folder import Settings

GROUPS: Mapping[str, type[Choice]] = {
    "sampling": FrameSampling,
    "coca": CocaModel,
    "captioning": Captioning,
    "caption_filter": CaptionFilter,
    "summarizer": SummarizerModel,
    "statistics": GapStatistics,
    "encoders": Encoders,
}
"""What `parameters` may choose, by key."""
# One choice has one name in the file.
SETTING_OF = {
    "coca.model": "coca",
    "coca.weights": "weights",
    "captioning.weights": "caption_weights",
    "summarizer.model": "summarizer",
    "summarizer.prompt": "prompt",
    "encoders.names": "encoders",
}
"""Parameters that are a setting of their own, and its name."""


def of_profile(settings: Settings) -> dict[str, Any]:
    """The parameters that a data folder's profile chooses, by key and name."""
    profile = PROFILES[settings.models]
    coca = settings.coca or profile.coca
    return {
        "sampling.short_side": profile.frame_short_side,
        "coca.model": profile.coca,
        "coca.weights": None if is_local(coca) else profile.weights,
        "caption_filter.chance": profile.chance,
        "summarizer.model": profile.summarizer,
        "summarizer.prompt": profile.prompt,
        "summarizer.repetition_penalty": profile.repetition_penalty,
        "summarizer.returns": profile.returns,
        "encoders.names": trained(profile.encoders),
    }


def compared_encoders(settings: Settings) -> tuple[str, ...]:
    """All that is measured beside the embedding CoCa, untrained networks as `untrained:N`."""
    chosen = settings.encoders
    return PROFILES[settings.models].encoders if chosen is None else chosen


def default_parameters(settings: Settings) -> Mapping[str, Choice]:
    """What a data folder's settings and profile choose, by key.

    Raises:
        ValueError: If a parameter cannot be what is chosen.
    """
    sampling = {"kind": "frames_per_second", "rate": settings.frames_per_second}
    chosen: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    chosen["sampling"]["sampling"], chosen["caption_filter"]["method"] = sampling, "cluster"
    own = {name: getattr(settings, setting) for name, setting in SETTING_OF.items()}
    own["summarizer.prompt"] = settings.summary_prompt
    compared = compared_encoders(settings)
    own["encoders.names"] = trained(compared)
    # A list that says nothing of untrained networks leaves their number as it is.
    for names in (PROFILES[settings.models].encoders, compared):
        if random := [name for name in names if is_untrained(name)]:
            chosen["statistics"]["untrained_seeds"] = untrained_count(random)
    named = {name: value for name, value in own.items() if value is not None}
    for name, value in (of_profile(settings) | named).items():
        group, field = name.split(".")
        chosen[group][field] = value
    return {
        group: _usable(group, fields | settings.parameters.get(group, {}))
        for group, fields in chosen.items()
    }


def _usable(group: str, fields: dict[str, Any]) -> Choice:
    try:
        return GROUPS[group](**fields)
    except ValidationError as error:
        raise ValueError(refusal(error, prefix=group)) from error


def default_fingerprints(settings: Settings) -> dict[str, str]:
    """The fingerprint of every asset's settings under what a data folder chooses."""
    choices = default_parameters(settings)
    return {asset: settings_fingerprint(asset, choices.__getitem__) for asset in STEPS}

"""Resources: the choices that determine a result as Dagster's config, and the models themselves.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from gap_assets.choices import default_choices, settings_fingerprint
from gap_assets.profiles import PROFILES
from gap_assets.resources.data import GapStatistics, Sources, WarehouseResource
from gap_assets.resources.models import CaptionFilter, Captioning, CocaModel, SummarizerModel
from gap_assets.resources.sampling import FrameSampling, FramesPerSecond
from gap_assets.settings import Settings

__all__ = [
    "CaptionFilter",
    "Captioning",
    "CocaModel",
    "FrameSampling",
    "GapStatistics",
    "Sources",
    "SummarizerModel",
    "WarehouseResource",
    "default_resources",
    "settings_in",
]

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
    chosen = default_choices(settings)
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

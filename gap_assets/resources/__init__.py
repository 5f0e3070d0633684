"""Resources: everything that determines a result, as typed config, and the models themselves.

Each starts from the data folder's settings and its profile, and can be changed for one run in the
launchpad. What a resource does with its config is the core's work, imported when it is needed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from gap_assets.lineage import fingerprint
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
    "settings_fingerprint",
    "settings_in",
]

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
            short_side=profile.frame_short_side,
        ),
        "coca": CocaModel(model=profile.coca, weights=profile.weights),
        "captioning": Captioning(),
        "caption_filter": CaptionFilter(method=profile.caption_filter),
        "summarizer": SummarizerModel(
            model=profile.summarizer,
            prompt=settings.prompt or profile.prompt,
            repetition_penalty=profile.repetition_penalty,
        ),
        "statistics": GapStatistics(),
    }

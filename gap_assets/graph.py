"""Which asset is made from which, and the hash that says a result is still the right one.

The hash covers everything that determines a result: the step's version, the settings it ran with
(models and weights included) and the hashes of its inputs. Rows of the ledger are read and written
by `gap_assets.warehouse.ledger`; Dagster's view of the same graph is made in
`gap_assets.dagster.assets`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Step:
    """One asset's place in the graph.

    Attributes:
        upstream: The assets that it reads.
        optional: Those of `upstream` that a video may lack, or that may be left for later.
        parameters: What else determines the result: a group of `gap_assets.parameters`, such as
            `coca`, or one field of it, such as `statistics.fusion`.
        version: Raised when the code gives another result from the same inputs and settings.
        per_video: Whether it is partitioned by video.
    """

    upstream: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    version: str = "1"
    per_video: bool = True


MAIN_PAIR = ("statistics.fusion", "statistics.text_source")
FRAMES_AND_TEXTS = (
    *("frames", "frame_captions", "filtered_captions", "video_summaries", "reference_captions"),
)
RESAMPLING = ("statistics.seed", "statistics.bootstraps", "statistics.permutations")

# In topological order. A root, `videos` or `reference_captions`, is hashed by its content.
STEPS: dict[str, Step] = {
    "videos": Step(),
    "reference_captions": Step(),
    "frames": Step(upstream=("videos",), parameters=("sampling",)),
    "frame_captions": Step(upstream=("frames",), parameters=("coca", "captioning")),
    "frame_embeddings": Step(upstream=("frames",), parameters=("coca",)),
    "filtered_captions": Step(upstream=("frame_captions",), parameters=("coca", "caption_filter")),
    "video_summaries": Step(
        upstream=("filtered_captions",), parameters=("summarizer",), version="2"
    ),
    "video_embeddings": Step(upstream=("frame_embeddings",), version="2"),
    "text_embeddings": Step(
        upstream=("frame_captions", "filtered_captions", "video_summaries", "reference_captions"),
        optional=("reference_captions",),
        parameters=("coca",),
        version="3",
    ),
    "encoder_embeddings": Step(
        upstream=FRAMES_AND_TEXTS, optional=("reference_captions",), parameters=("encoders",)
    ),
    "event_embeddings": Step(
        upstream=("frame_embeddings", "reference_captions"),
        optional=("reference_captions",),
        parameters=("coca",),
    ),
    "untrained_embeddings": Step(
        upstream=FRAMES_AND_TEXTS,
        optional=("reference_captions",),
        parameters=(
            "coca.model",
            "coca.precision",
            "statistics.text_source",
            "statistics.untrained_seeds",
            "statistics.untrained_videos",
            "statistics.untrained_share",
        ),
        version="3",
        per_video=False,
    ),
    "cone_profile": Step(
        upstream=FRAMES_AND_TEXTS,
        optional=("reference_captions",),
        parameters=(
            "coca",
            "statistics.text_source",
            "statistics.untrained_seeds",
            "statistics.seed",
            "statistics.bootstraps",
        ),
        per_video=False,
    ),
    "pooling_profile": Step(
        upstream=("frame_captions", "frame_embeddings", "filtered_captions", "video_embeddings"),
        parameters=("coca", "statistics.seed", "statistics.bootstraps"),
        per_video=False,
    ),
    "projection_model": Step(
        upstream=("video_embeddings", "text_embeddings"),
        parameters=(*MAIN_PAIR, "statistics.seed", "statistics.neighbors"),
        per_video=False,
    ),
    "projections": Step(upstream=("projection_model", "video_embeddings", "text_embeddings")),
    "gap_metrics": Step(
        upstream=(
            *("video_embeddings", "text_embeddings", "encoder_embeddings", "untrained_embeddings"),
        ),
        optional=("encoder_embeddings", "untrained_embeddings"),
        parameters=("coca", "encoders.names", *MAIN_PAIR, *RESAMPLING),
        version="4",
        per_video=False,
    ),
    "event_metrics": Step(
        upstream=("event_embeddings", "video_embeddings"),
        parameters=("statistics.seed", "statistics.bootstraps"),
        per_video=False,
    ),
    "gap_report": Step(
        upstream=(
            "gap_metrics",
            "projection_model",
            "event_metrics",
            "cone_profile",
            "pooling_profile",
        ),
        optional=("event_metrics", "cone_profile", "pooling_profile"),
        parameters=(
            *("coca", "captioning", "summarizer", "sampling"),
            *MAIN_PAIR,
            *RESAMPLING,
            "statistics.untrained_seeds",
            "statistics.smallest_gap",
            "statistics.smallest_cone",
        ),
        version="6",
        per_video=False,
    ),
}

ROOTS = ("videos", "reference_captions")
ENCODERS = "encoder_embeddings"
CONTROLS, CONES, POOLING = "untrained_embeddings", "cone_profile", "pooling_profile"
OF_NEW_NETWORKS = (CONTROLS, CONES)
"""What runs networks that were never trained; the setting `controls` leaves it for later."""

Hashes = Mapping[tuple[str, str | None], str]
"""(asset, video) to the hash of what is stored; the video is None for unpartitioned assets."""


# Made once: `json.dumps` makes an encoder per call, and a status asks 120,000 times.
_encode = json.JSONEncoder(sort_keys=True, default=str).encode


def fingerprint(value: Any) -> str:
    """A short stable hash of any JSON-able value."""
    return hashlib.sha256(_encode(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def result_hash(
    asset: str, video_id: str | None, *, settings: str, stored: Hashes, video_ids: list[str]
) -> str | None:
    """The hash that a result made now would carry.

    Args:
        asset: The asset.
        video_id: The video, or None for an unpartitioned asset.
        settings: The fingerprint of what the asset's resources are set to.
        stored: The hashes of the inputs.
        video_ids: The videos that an unpartitioned asset covers.

    Returns:
        The hash; None if an input that may not be lacking is not there yet.
    """
    step = STEPS[asset]
    inputs: list[Any] = []
    for upstream in step.upstream:
        if not STEPS[upstream].per_video:
            found: Any = stored.get((upstream, None))
        elif video_id is not None:
            found = stored.get((upstream, video_id))
        else:
            found = [stored.get((upstream, each)) for each in video_ids]
        if found is None and upstream not in step.optional:
            return None
        inputs.append(found)
    return fingerprint(
        [asset, step.version, settings, video_ids if video_id is None else [], inputs]
    )

"""Whether the models know what these videos show: the warning of models with a small world.

A model with a small world is nearly certain of every word about that world. A video counts as
unfamiliar where the median mean log-probability of its captions is below the profile's bound.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gap_assets.gap.pairs import evenly_spaced
from gap_assets.profiles import Profile
from gap_assets.warehouse.store import Warehouse

LOOKED_AT = 4  # videos, before a run
FRAMES_EACH = 3
NAMED = 3

TYPICAL = """
    SELECT video_id, median(logprob) AS typical FROM (
        SELECT video_id, logprob, unnest(range(coalesce(repeats, 1))) FROM frame_captions
        LEFT JOIN frames USING (video_id, frame_index) WHERE ? OR video_id IN (FROM given)
    ) GROUP BY video_id ORDER BY video_id
"""


def unfamiliar_videos(
    warehouse: Warehouse, profile: Profile | None, *, videos: list[str] | None = None
) -> str | None:
    """What some videos are to models that do not know them, and what to do; None if all are known.

    Args:
        warehouse: Holds the captions.
        profile: Says which world the models know, if it is a small one; None if that is unknown.
        videos: The videos to look at; None for all.
    """
    if profile is None or profile.known_world is None:
        return None
    found = warehouse.read(TYPICAL, videos is None, videos=videos or [])
    unfamiliar = found.filter(found["typical"] < profile.familiar_logprob)["video_id"].to_list()
    if not unfamiliar:
        return None
    count, total = len(unfamiliar), len(found)
    if 2 * count > total:
        return f"{count} of {total} videos show {_elsewhere(profile)} Use the profile hub for them."
    named = ", ".join(unfamiliar[:NAMED]) + (" …" if count > NAMED else "")
    return (
        f"{count} of {total} videos ({named}) show {_elsewhere(profile)} Leave them out with"
        " `gap run --exclude ID`, or use the profile hub for all."
    )


def first_look(paths: Sequence[Path], profile: Profile) -> str | None:
    """The same of a few files before anything is made of them, from a caption of some frames each.

    Files that cannot be read are passed over: the run says what is wrong with them.
    """
    if profile.known_world is None or not paths:
        return None
    some = [paths[i] for i in evenly_spaced(len(paths), LOOKED_AT)]
    typical = [found for path in some if (found := _typical_logprob(path, profile)) is not None]
    unfamiliar = sum(each < profile.familiar_logprob for each in typical)
    if not unfamiliar:
        return None
    return (
        f"{unfamiliar} of {len(typical)} videos that were looked at show {_elsewhere(profile)}"
        " `--models hub` takes the models for other videos."
    )


def _elsewhere(profile: Profile) -> str:
    return (
        f"something else than {profile.known_world}, which is all that these small models know:"
        " their captions, summaries and gap mean nothing there."
    )


def _typical_logprob(path: Path, profile: Profile) -> float | None:
    """The median over a few frames; None for a file without any."""
    from gap_assets.coca.engine import DecodeSettings, describe_frames
    from gap_assets.limits import Limits
    from gap_assets.parameters import CocaModel
    from gap_assets.pipeline.models import resident_coca
    from gap_assets.video.container import UnreadableVideoError
    from gap_assets.video.frames import extract_frames
    from gap_assets.video.sampling import FramesPerSecond

    coca = resident_coca(CocaModel(model=profile.coca, weights=profile.weights))
    try:
        found = extract_frames(
            path,
            sampling=FramesPerSecond(rate=1),
            limits=Limits(max_frames=FRAMES_EACH),
            short_side=profile.frame_short_side,
            once=True,
        )
    except UnreadableVideoError:
        return None
    pictures = [frame.image for frame in found.frames]
    batches = describe_frames(coca, pictures, decode=DecodeSettings(), batch_size=FRAMES_EACH)
    captions = [caption.logprob for batch in batches for caption in batch.captions]
    return float(np.median(captions)) if captions else None

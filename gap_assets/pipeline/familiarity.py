"""Whether the models know what these videos show: the warning of models with a small world."""

from gap_assets.profiles import Profile
from gap_assets.warehouse.store import Warehouse


def unfamiliar_videos(
    warehouse: Warehouse, profile: Profile | None, *, videos: list[str] | None = None
) -> str | None:
    """One sentence if most videos look like nothing that the models were trained on.

    A model with a small world is nearly certain of every word about that world. A video counts as
    unfamiliar where the median mean log-probability of its captions is below the profile's bound.

    Args:
        warehouse: Holds the captions.
        profile: Says which world the models know, if it is a small one; None if that is unknown.
        videos: The videos to look at; None for all.
    """
    if profile is None or profile.known_world is None:
        return None
    query = (
        "SELECT count(*), count(*) FILTER (typical < ?) FROM (SELECT median(logprob) AS typical"
        " FROM (SELECT video_id, logprob, unnest(range(coalesce(repeats, 1))) FROM frame_captions"
        " LEFT JOIN frames USING (video_id, frame_index) WHERE {}) GROUP BY video_id)"
    )
    if videos is None:
        [found] = warehouse.tuples(query.format("true"), profile.familiar_logprob)
    else:
        chosen = query.format("video_id IN (FROM given)")
        found = warehouse.read(chosen, profile.familiar_logprob, videos=videos).row(0)
    total, unfamiliar = found
    if 2 * unfamiliar <= total:
        return None
    return (
        f"{unfamiliar} of {total} videos show something else than {profile.known_world}, which is"
        " all that these small models know: their captions, summaries and gap mean nothing there."
        " Use the profile hub for other videos."
    )

"""The one partitions definition and the one backfill policy that all per-video assets share.

They must be the same object for all of them: only then does one run take a range of videos through
the whole chain of assets.
"""

import dagster as dg

videos_partitions = dg.DynamicPartitionsDefinition(name="videos")

# SQLite takes 32,766 variables in a statement, and the instance sends one per key.
KEYS_PER_CALL = 10_000


def backfill_policy(videos_per_run: int) -> dg.BackfillPolicy:
    """Many videos per run: a run costs some seconds to start and loads the models once."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=videos_per_run)


def register_videos(instance: dg.DagsterInstance, video_ids: list[str]) -> list[str]:
    """Adds the videos that are not partitions yet, in sorted order, for ranges follow it.

    Returns:
        The ids that are new.
    """
    assert videos_partitions.name
    known = set(instance.get_dynamic_partitions(videos_partitions.name))
    new = sorted(set(video_ids) - known)
    for start in range(0, len(new), KEYS_PER_CALL):
        instance.add_dynamic_partitions(videos_partitions.name, new[start : start + KEYS_PER_CALL])
    return new

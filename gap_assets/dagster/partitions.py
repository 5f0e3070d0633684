"""The one partitions definition and the one backfill policy of all per-video assets, and ranges.

They must be the same object for all of them: only then does one run take a range of videos through
the whole chain of assets.
"""

from collections.abc import Collection, Iterator, Sequence

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


def ranges_with(
    keys: Sequence[str], wanted: Collection[str], *, size: int, without: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Cuts the partitions into ranges of at most `size` keys that hold all the wanted ones.

    Args:
        keys: All partitions, in their order.
        wanted: Those that need a run.
        size: Keys per range.
        without: Those that no range may hold.

    Yields:
        The first and the last wanted key of each stretch of `size` keys that has any.
    """
    for start in range(0, len(keys), size):
        stretches: list[list[str]] = [[]]
        for key in keys[start : start + size]:
            if key in without:
                stretches.append([])
            elif key in wanted:
                stretches[-1].append(key)
        for stretch in stretches:
            if stretch:
                yield stretch[0], stretch[-1]


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags by which a run takes the partitions from one to another, both included."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }

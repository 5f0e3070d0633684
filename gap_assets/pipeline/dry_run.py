"""What a run would do, per asset, without doing any of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gap_assets.gap.pairs import MIN_PAIRS
from gap_assets.graph import OF_NEW_NETWORKS, ROOTS, STEPS
from gap_assets.pipeline.intake import FolderChanges, folder_changes
from gap_assets.pipeline.status import Status, current_status
from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse

NOTHING = Status(states={}, outdated=set())


@dataclass(frozen=True, kw_only=True)
class Work:
    """How many results of an asset a run would make.

    Attributes:
        first: Made for the first time.
        again: Made again, or tried again.
        skipped: Left as they are, because they are current.
    """

    first: int
    again: int
    skipped: int


def planned_work(
    settings: Settings, *, only: Collection[str] = (), exclude: Collection[str] = ()
) -> dict[str, Work]:
    """What a run would do, by asset.

    Files are compared by size and time, not read: that some of them cannot be read, or are copies
    of others, shows in the run.

    Args:
        settings: Of the data folder, with what the run would choose.
        only: The videos to work on; none for all.
        exclude: Videos that the run would leave out.
    """
    is_there = Warehouse(path=settings.warehouse).exists()
    status = current_status(settings) if is_there else NOTHING
    changes = folder_changes(settings)
    work: dict[str, Work] = {}
    for asset, step in STEPS.items():
        if asset in ROOTS or (asset in OF_NEW_NETWORKS and not settings.controls):
            continue
        if not step.per_video:
            made = status.states.get(asset, {}).get(None, "missing") != "missing"
            changes_before = _todo(work[each] for each in step.upstream if each in work)
            is_current = (asset, None) not in status.outdated and made and not changes_before
            work[asset] = _one(made=made, is_current=is_current)
            continue
        work[asset] = found = _of_videos(asset, status, changes, only=only, exclude=exclude)
        fitted = [each for each in step.upstream if not STEPS[each].per_video]
        if any(_todo([work[each]]) for each in fitted):
            work[asset] = Work(first=found.first, again=found.again + found.skipped, skipped=0)
    if _all(work["video_summaries"]) < MIN_PAIRS:  # Then there is no gap to measure.
        return {asset: each for asset, each in work.items() if asset not in of_all_videos()}
    return work


def of_all_videos() -> set[str]:
    """The assets that need more than one or two videos."""
    return {
        asset
        for asset, step in STEPS.items()
        if not step.per_video or any(not STEPS[each].per_video for each in step.upstream)
    }


def _todo(work: Iterable[Work]) -> bool:
    return any(each.first or each.again for each in work)


def _all(work: Work) -> int:
    return work.first + work.again + work.skipped


def _one(*, made: bool, is_current: bool) -> Work:
    return Work(first=int(not made), again=int(made and not is_current), skipped=int(is_current))


def _of_videos(
    asset: str,
    status: Status,
    changes: FolderChanges,
    *,
    only: Collection[str],
    exclude: Collection[str],
) -> Work:
    states = status.states.get(asset, {})
    out = {*changes.gone, *changes.excluded, *exclude}

    def is_meant(video: str | None) -> bool:
        return video is not None and video not in out and (not only or video in only)

    outdated = {video for each, video in status.outdated if each == asset and is_meant(video)}
    changed = {video for video in changes.changed if is_meant(video)}
    missing = {video for video in outdated if states.get(video) == "missing"}
    first = len(missing) + sum(is_meant(video) for video in changes.new)
    again = len((outdated | changed) - missing)
    current = [video for video, state in states.items() if state == "current" and is_meant(video)]
    return Work(first=first, again=again, skipped=len(set(current) - changed))

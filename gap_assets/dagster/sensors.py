"""The sensors: one lists new files and starts no work on them, one takes them to the report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from gap_assets.dagster.jobs import PER_VIDEO, catalogue
from gap_assets.dagster.partitions import range_tags, ranges_with, videos_partitions
from gap_assets.dagster.resources import Sources, WarehouseResource
from gap_assets.graph import fingerprint
from gap_assets.pipeline.catalogue import find_videos, path_as_text
from gap_assets.pipeline.status import Status, current_status
from gap_assets.settings import Settings
from gap_assets.warehouse.ledger import stored_hashes
from gap_assets.warehouse.store import Warehouse

SECONDS_BETWEEN_LOOKS = 60


@dg.sensor(
    job=catalogue,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Runs the catalogue when the videos folder has files that it does not list. The run"
    " adds them as partitions; a backfill of those is left to a person.",
)
def new_videos(warehouse: WarehouseResource, sources: Sources) -> dg.RunRequest | dg.SkipReason:
    """Requests the same set of new files once."""
    try:
        new, found = _new_files(sources.places, warehouse.open())
    except FileNotFoundError as error:
        return dg.SkipReason(str(error))
    if not new:
        return dg.SkipReason(f"All {found} files are in the catalogue.")
    return dg.RunRequest(run_key=fingerprint(new), tags={"new videos": str(len(new))})


def all_sensors(settings: Settings, *, jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """The sensors of a data folder; its setting `automate` switches the second one on.

    Args:
        settings: The data folder's.
        jobs: Those that the sensors may run.
    """
    on, off = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        jobs=jobs,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=on if settings.automate else off,
        description="Takes new and changed videos to an updated report. While nothing runs, it asks"
        " for what comes next: the catalogue if there are new files; then everything of each video"
        " that is not current, scattered videos gathered into few runs; then projections, metrics"
        " and report. What it has asked for it asks for again only when something has changed, so"
        " what fails is tried again by a person. On from the start with GAP_AUTOMATE=1.",
    )
    def keep_up(context: dg.SensorEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        """Requests nothing while a run is under way."""
        running = dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))
        if context.instance.get_runs_count(running):
            return dg.SkipReason("A run is under way; this looks again when it has ended.")
        try:
            # The file may have been changed since this code location was loaded.
            return list(
                _next_runs(context.instance, Settings(data=settings.data))
            ) or dg.SkipReason("Everything is current.")
        except FileNotFoundError as error:
            return dg.SkipReason(str(error))

    return [new_videos, keep_up]


def _new_files(places: Sequence[Path], warehouse: Warehouse) -> tuple[list[str], int]:
    """The files that the catalogue does not list, and how many files there are."""
    found = {path_as_text(path) for place in places for path in find_videos(place)}
    return sorted(found - set(warehouse.read("SELECT path FROM videos")["path"])), len(found)


def _next_runs(instance: dg.DagsterInstance, settings: Settings) -> Iterator[dg.RunRequest]:
    """What another `gap run` would do next.

    Raises:
        FileNotFoundError: If the videos folder is away.
    """
    warehouse = Warehouse(path=settings.warehouse, files=settings.warehouse_files)
    new, _ = _new_files(settings.places, warehouse)
    if new:
        yield dg.RunRequest(run_key=fingerprint(new), job_name=catalogue.name)
        return
    assert videos_partitions.name
    keys = list(instance.get_dynamic_partitions(videos_partitions.name))
    status, stored = current_status(settings), stored_hashes(warehouse)
    of_videos = status.videos_to_do(PER_VIDEO)
    for first, last in ranges_with(keys, of_videos, size=settings.videos_per_run):
        covered = set(keys[keys.index(first) : keys.index(last) + 1])
        key = _run_key(status, stored, {video for video in of_videos if video in covered})
        yield dg.RunRequest(run_key=key, job_name="per_video", tags=range_tags(first, last))
    if keys and status.outdated and not of_videos:
        key = _run_key(status, stored, None)
        tags = range_tags(keys[0], keys[-1])
        yield dg.RunRequest(run_key=key, job_name="projections_and_report", tags=tags)


def _run_key(
    status: Status, stored: dict[tuple[str, str | None], str], videos: set[str] | None
) -> str:
    """Names what is to be made, and of what state, of some videos (None: of all together)."""
    outdated = sorted(
        (asset, video or "")
        for asset, video in status.outdated
        if videos is None or video in videos
    )
    state = sorted(
        (asset, video or "", value)
        for (asset, video), value in stored.items()
        if videos is None or video in videos
    )
    return fingerprint([outdated, state])

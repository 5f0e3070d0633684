"""The sensor that notices new files in the videos folder. It starts no work on them."""

import dagster as dg

from gap_assets.dagster.jobs import catalogue
from gap_assets.dagster.resources import Sources, WarehouseResource
from gap_assets.graph import fingerprint
from gap_assets.pipeline.catalogue import find_videos, path_as_text

SECONDS_BETWEEN_LOOKS = 60


@dg.sensor(
    job=catalogue,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def new_videos(warehouse: WarehouseResource, sources: Sources) -> dg.RunRequest | dg.SkipReason:
    """Runs the catalogue when the videos folder has files that it does not list.

    The run adds them as partitions; a backfill of those is left to a person. The same set of new
    files is requested once.
    """
    try:
        files = [path for place in sources.places for path in find_videos(place)]
    except FileNotFoundError as error:
        return dg.SkipReason(str(error))
    found = {path_as_text(path) for path in files}
    known = set(warehouse.open().read("SELECT path FROM videos")["path"])
    new = sorted(found - known)
    if not new:
        return dg.SkipReason(f"All {len(found)} files are in the catalogue.")
    return dg.RunRequest(run_key=fingerprint(new), tags={"new videos": str(len(new))})


all_sensors = [new_videos]

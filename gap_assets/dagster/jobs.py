"""Jobs: the three stretches of the graph that people run as one, and the change of settings.

The checks look at whole tables, so the job that runs once per some videos leaves them to the one
that runs once for all.
"""

from typing import Any

import dagster as dg

from gap_assets.dagster.changing_settings import settings_job
from gap_assets.graph import OF_NEW_NETWORKS, ROOTS, STEPS
from gap_assets.settings import Settings

# A projection belongs to one video, but needs the model that is fitted on all of them.
OF_ALL_VIDEOS = [asset for asset, s in STEPS.items() if not s.per_video or asset == "projections"]
PER_VIDEO = [asset for asset in STEPS if asset not in (*ROOTS, *OF_ALL_VIDEOS)]

catalogue = dg.define_asset_job(
    "catalogue",
    selection=dg.AssetSelection.assets(*ROOTS),
    description="Reads the videos folder and the captions file; adds new videos as partitions.",
)

per_video = dg.define_asset_job(
    "per_video",
    selection=dg.AssetSelection.assets(*PER_VIDEO).without_checks(),
    description="Everything that is made for each video by itself.",
)


def all_videos_assets(settings: Settings) -> list[str]:
    """The assets without partitions that a run makes of all videos together."""
    return [
        asset
        for asset, step in STEPS.items()
        if not step.per_video and (settings.controls or asset not in OF_NEW_NETWORKS)
    ]


def all_jobs(settings: Settings) -> list[Any]:
    """The jobs of a data folder; the controls are part of one unless they are left for later."""
    of_all = [*all_videos_assets(settings), "projections"]
    projections_and_report = dg.define_asset_job(
        "projections_and_report",
        selection=dg.AssetSelection.assets(*of_all) | dg.AssetSelection.all_asset_checks(),
        description="What needs all videos: projections, untrained controls and cones (unless the"
        " setting `controls` leaves them for later), metrics, report, checks.",
    )
    return [catalogue, per_video, projections_and_report, settings_job(settings)]

"""Jobs: the three stretches of the graph that people run as one.

The checks look at whole tables, so the job that runs once per some videos leaves them to the one
that runs once for all.
"""

import dagster as dg

from gap_assets.lineage import ROOTS, STEPS

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

projections_and_report = dg.define_asset_job(
    "projections_and_report",
    selection=dg.AssetSelection.assets(*OF_ALL_VIDEOS) | dg.AssetSelection.all_asset_checks(),
    description="What needs all videos: projections, untrained controls, metrics, report, checks.",
)

all_jobs = [catalogue, per_video, projections_and_report]

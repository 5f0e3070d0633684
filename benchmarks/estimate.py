"""What `gap estimate` predicts for a folder against what the run then takes.

    python benchmarks/estimate.py [FOLDER] [--videos 128] [--json]

Without a folder, videos of 30 s of the drawn world are made, 384 x 384. The estimate knows nothing
but the files; then what it speaks of is run as `gap run` would: the job `per_video` in ranges, and
what runs untrained networks.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from common import report
from pipeline import Folder, add_videos, run_range

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.jobs import PER_VIDEO
from gap_assets.dagster.partitions import ranges_with, videos_partitions
from gap_assets.dagster.runs import QUIET
from gap_assets.graph import OF_NEW_NETWORKS
from gap_assets.pipeline.estimate import estimate
from gap_assets.pipeline.status import current_status
from gap_assets.settings import default_fingerprints
from gap_assets.warehouse.store import Warehouse


def measure(home: Path, videos: Path) -> dict[str, float | int | str | None]:
    """Predictions, what came of them, and their ratios."""
    folder = Folder(home / "data", videos, build_definitions)
    settings = folder.settings
    predicted = estimate(videos, settings=settings, fingerprints=default_fingerprints(settings))
    folder.definitions.resolve_job_def("catalogue").execute_in_process(
        run_config=QUIET, instance=folder.instance
    )
    wanted = current_status(settings).videos_to_do(PER_VIDEO)
    assert videos_partitions.name
    keys = list(folder.instance.get_dynamic_partitions(videos_partitions.name))
    started = time.perf_counter()
    for ends in ranges_with(keys, wanted, size=settings.videos_per_run):
        run_range(folder.definitions, folder.instance, ends)
    per_video_s = time.perf_counter() - started
    whole = folder.definitions.resolve_job_def("projections_and_report")
    new = [dg.AssetKey(asset) for asset in OF_NEW_NETWORKS]
    assert whole.execute_in_process(QUIET, folder.instance, asset_selection=new).success
    seconds = time.perf_counter() - started
    stored = Warehouse(path=settings.warehouse).read(
        "SELECT count(*), sum(octet_length(image)) FROM frames"
    )
    frames, image_bytes = map(int, stored.row(0))
    return {
        "videos": predicted.videos,
        "predicted_frames": predicted.frames,
        "frames": frames,
        "predicted_image_megabytes": predicted.image_bytes / 1e6,
        "image_megabytes": image_bytes / 1e6,
        "predicted_s": predicted.total_s,
        "seconds": seconds,
        "seconds_per_video_assets": per_video_s,
        "predicted_to_actual_frames": predicted.frames / frames,
        "predicted_to_actual_bytes": predicted.image_bytes / image_bytes,
        "predicted_to_actual_seconds": predicted.total_s / seconds,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--videos", type=int, default=128, help="to draw without a folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as home:
        videos = options.folder or Path(home) / "videos"
        if not options.folder:
            add_videos(videos, first=0, stop=options.videos, scale=3)
        figures = measure(Path(home), videos.absolute())
    report(
        f"estimate and run of {'real' if options.folder else 'drawn'} videos",
        figures=figures,
        packages=("dagster", "duckdb", "torch", "av"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()

"""15,000 videos on a real Dagster instance: `python benchmarks/scale.py --videos 15000`.

Draws one-second videos of the embedded models' world, serves a data folder with `gap dev`, and does
over GraphQL what a person does in the UI: the catalogue, a backfill of everything that is made per
video, the report. Measures each run of the backfill, the files' sizes and the UI's own queries;
then what it takes when nothing is to do, when videos are added and when a setting changes. How the
server is driven and watched is `served`'s business.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import av
from common import report
from pages import look_at
from served import Served, Watch

from gap_assets.dagster.jobs import PER_VIDEO
from gap_assets.dagster.partitions import register_videos
from gap_assets.dagster.runs import open_instance
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.stories import draw_film

FRAMES = 4  # of a second
PACKAGES = ("dagster", "dagster-webserver", "duckdb", "polars", "torch", "av")
STATES = ("current", "stale", "failed", "missing")

Figures = Iterator[tuple[str, float | int | str]]


def draw(folder: Path, index: int) -> None:
    """One second of the film of this number; a file that is there is kept."""
    path = folder / f"v_{index:06d}.mp4"
    if path.exists():
        return
    film = draw_film(1, index, split="held-out")
    partial_path = path.with_suffix(".partial")
    with av.open(str(partial_path), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=FRAMES, options={"crf": "20", "preset": "ultrafast"}
        )
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for frame in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw_frame(film, frame))))
        container.mux(stream.encode(None))
    partial_path.replace(path)


def draw_all(settings: Settings, count: int) -> None:
    """Draws the videos 0 to `count`."""
    settings.videos_directory.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        work = partial(draw, settings.videos_directory)
        list(pool.map(work, range(count), chunksize=100))


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def command(settings: Settings, *words: str, **variables: str) -> float:
    """Wall seconds of the command `gap`."""
    line = [sys.executable, "-m", "gap_assets.cli", *words, "--data", str(settings.data)]
    environment = os.environ | {"COLUMNS": "200"} | variables
    started = time.perf_counter()
    done = subprocess.run(line, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    return time.perf_counter() - started


def fill(settings: Settings, count: int) -> Figures:
    """Draws, lists and registers the videos, and backfills all that is made per video."""
    yield "drawing: s", seconds(lambda: draw_all(settings, count))
    with (
        tempfile.TemporaryDirectory() as folder,
        open_instance(Settings(data=Path(folder))) as instance,
    ):
        ids = [f"v_{index:06d}" for index in range(count)]
        yield "registering the partitions: s", seconds(lambda: register_videos(instance, ids))
    with Served(settings) as served:
        yield "catalogue, first time: s", seconds(lambda: served.run("catalogue"))
        yield "catalogue, nothing new: s", seconds(lambda: served.run("catalogue"))
        with Watch(served, settings) as watch:
            started = time.perf_counter()
            backfill = served.backfill(PER_VIDEO)
            yield "launching the backfill: s", time.perf_counter() - started
            served.finish_backfill(backfill)
            yield "backfill: s", time.perf_counter() - started
        yield from watch.figures(count)


def look(settings: Settings, _: int) -> Figures:
    """What the UI's pages take on the filled instance."""
    with Served(settings) as served:
        [backfill] = served.ask(
            "{ found: partitionBackfillsOrError(limit: 1) {"
            " ... on PartitionBackfills { results { id } } } }"
        )["found"]["results"]
        pages = {
            "graph": "/asset-groups",
            "asset": "/assets/frames",
            "partitions": "/assets/frames?view=partitions",
            "lineage": "/assets/video_summaries?view=lineage",
            "events": "/assets/text_embeddings?view=events",
            "backfills": "/runs?view=backfills",
            "backfill": f"/runs/b/{backfill['id']}",
            "backfill-runs": f"/runs/b/{backfill['id']}?tab=runs",
        }
        yield from look_at(served.url, pages, into=settings.data / "pages")


def report_of_all(settings: Settings, _: int) -> Figures:
    """What needs all videos: projections, controls, metrics, report and checks."""
    with Served(settings) as served, open_instance(settings) as instance:
        keys = instance.get_dynamic_partitions("videos")
        tags = {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
        with Watch(served, settings) as watch:
            took = seconds(lambda: served.run("projections_and_report", tags=tags))
        yield "projections_and_report: s", took
        yield from watch.peaks()
        yield from served.steps(instance)


def idle(settings: Settings, _: int) -> Figures:
    """What `gap status` and `gap run` take when nothing is to do."""
    yield "gap status, the command: s", command(settings, "status")
    yield "gap status, its computation: s", seconds(lambda: current_status(settings))
    yield (
        "gap run with nothing to do: s",
        command(settings, "run", str(settings.videos_directory)),
    )


def ledger(settings: Settings) -> dict[str, dict[str, tuple[str, str]]]:
    """Per asset and video, which run made the result when."""
    rows = Warehouse(path=settings.warehouse).read(
        "SELECT asset, coalesce(video_id, ''), run_id, materialized_at::VARCHAR"
        " FROM materializations WHERE asset NOT IN ('videos', 'reference_captions')"
    )
    result: dict[str, dict[str, tuple[str, str]]] = {}
    for asset, video, *made in rows.iter_rows():
        result.setdefault(asset, {})[video] = (made[0], made[1])
    return result


def grow(settings: Settings, count: int, *, added: int) -> Figures:
    """Adds videos and compares the ledger before and after."""
    before = ledger(settings)
    draw_all(settings, count + added)
    yield (
        f"gap run with {added} videos more: s",
        command(settings, "run", str(settings.videos_directory)),
    )
    after = ledger(settings)
    for asset in PER_VIDEO:
        old, new = before[asset], after[asset]
        changed = sum(new[video] != made for video, made in old.items())
        yield f"{asset}: old rows touched", changed
        yield f"{asset}: new rows", len(new) - len(old)
        yield f"{asset}: runs of the new rows", len({new[v][0] for v in new.keys() - old.keys()})


def change(settings: Settings, _: int) -> Figures:
    """Changes the summary's prompt and asks what is stale."""
    prompt = "Then: {captions}"
    took = command(settings, "status", GAP_PROMPT=prompt)
    yield "gap status after a new prompt: s", took
    counts = current_status(settings.model_copy(update={"prompt": prompt})).counts()
    for asset, states in counts.items():
        yield f"{asset} after a new prompt", ", ".join(f"{n} {s}" for s, n in states.items())


def main() -> None:
    """Takes the phases in turn; figures are kept in the data folder until all are printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=15_000)
    parser.add_argument("--added", type=int, default=500)
    parser.add_argument("--videos-per-run", type=int, default=500)
    parser.add_argument("--data", type=Path, default=Path("data/scale"))
    parser.add_argument(
        "--only", nargs="*", help="some of the phases, on a folder of an earlier run"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    settings = remember(chosen.data, videos_per_run=chosen.videos_per_run)
    phases: dict[str, Callable[[Settings, int], Figures]] = {
        "fill": fill,
        "look": look,
        "report": report_of_all,
        "idle": idle,
        "grow": partial(grow, added=chosen.added),
        "change": change,
    }
    kept = settings.data / "figures.json"
    figures = json.loads(kept.read_text()) if kept.exists() else {}
    for name in chosen.only or phases:
        for figure, value in phases[name](settings, chosen.videos):
            figures[figure] = value
            print(f"{figure}: {value}", flush=True)
            kept.write_text(json.dumps(figures))
    report(
        f"{chosen.videos} videos, embedded models",
        figures=figures,
        packages=PACKAGES,
        as_json=chosen.json,
    )


if __name__ == "__main__":
    main()

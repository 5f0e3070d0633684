"""CPU time of the per-video pipeline against its stages' own compute and Dagster's floor.

    OMP_NUM_THREADS=1 python benchmarks/pipeline.py [--sizes 100 200 500 1000] [--json]

Videos of 30 s of the drawn world, 25 frames per second, go through the embedded profile in the
ranges that a backfill is cut into. At their own 128 x 128 pixels they cost less to decode than any
video that people have; `--scale 3` makes them 384 x 384. For each range three works take turns in
this one process:

* the pipeline as `gap run` runs it: the job `per_video` on a data folder and its instance;
* the stages alone: the core's functions on the same files, without Dagster and without DuckDB;
* the floor: the same job, ranges, partitions and pools with empty assets, on its own instance.

A warm-up on two videos comes first, so that imports and loading the models are in none of them.
The folder grows from size to size, as a real one does: the cost per video between two sizes is that
of videos which come to a warehouse and an instance that are already so large. The stages alone are
measured up to `--alone-up-to` videos; they do not know how many others there are.
"""

import argparse
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import dagster as dg
import numpy as np
import torch
from common import cpu_seconds, report

from gap_assets.coca.engine import describe_frames
from gap_assets.coca.text import embed_texts
from gap_assets.dagster import jobs
from gap_assets.dagster.build import all_assets, build_definitions
from gap_assets.dagster.partitions import (
    backfill_policy,
    range_tags,
    ranges_with,
    register_videos,
    videos_partitions,
)
from gap_assets.dagster.resources import default_resources
from gap_assets.dagster.runs import QUIET, open_instance
from gap_assets.pipeline.captions import calibrate_model, filter_captions
from gap_assets.pipeline.embeddings import FUSIONS
from gap_assets.pipeline.frames import decode_settings, decoding_limits, sampling_rule
from gap_assets.pipeline.models import resident_coca, resident_summarizer
from gap_assets.pipeline.status import current_status
from gap_assets.pipeline.summaries import captions_to_read
from gap_assets.settings import Settings, remember
from gap_assets.summaries.summarizer import summarize
from gap_assets.video.frames import extract_frames
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.scene import FPS as DRAWN_FPS
from gap_assets.world.stories import draw_film

SECONDS, FPS = 30, 25
FILMS = 64  # different ones; the others are copies with another checksum
CHUNK = 16  # videos that the stages alone work on at once, as a chunk of a run


def write_clip(path: Path, index: int, *, scale: int) -> None:
    """Encodes a film of the world whose states are held until it lasts 30 seconds."""
    film = draw_film(11, index, split="held-out")
    held = [film.beats[second * len(film.beats) // SECONDS] for second in range(SECONDS)]
    film = replace(film, beats=tuple(held), zoom=0.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20"})
        stream.width = stream.height = SIZE * scale
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        drawn = -1
        for number in range(SECONDS * FPS):
            if drawn != (drawn := number * DRAWN_FPS // FPS):
                picture = draw_frame(film, drawn).repeat(scale, axis=0).repeat(scale, axis=1)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def add_videos(folder: Path, *, first: int, stop: int, scale: int) -> None:
    """Adds videos up to the number `stop`; a copy differs by an empty MP4 box at its end."""
    folder.mkdir(exist_ok=True)
    for number in range(first, stop):
        path = folder / f"film-{number:05d}.mp4"
        if number < FILMS:
            write_clip(path, number, scale=scale)
        else:
            film = (folder / f"film-{number % FILMS:05d}.mp4").read_bytes()
            path.write_bytes(film + struct.pack(">I4sQ", 16, b"free", number))


def empty_graph(settings: Settings) -> dg.Definitions:
    """The per-video assets with the same keys, partitions, pools and job, which do nothing."""

    def empty(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        @dg.multi_asset(
            name=asset.op.name,
            specs=[*asset.specs],
            can_subset=asset.can_subset,
            pool=asset.op.pool,
        )
        def nothing() -> Any:
            for spec in asset.specs:  # in the order of the graph
                yield dg.MaterializeResult(asset_key=spec.key)

        return nothing.with_attributes(backfill_policy=backfill_policy(settings.videos_per_run))

    per_video = [empty(asset) for asset in all_assets if asset.partitions_def]
    return dg.Definitions(assets=per_video, jobs=[jobs.per_video], executor=dg.in_process_executor)


def run_range(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: tuple[str, str]
) -> None:
    """One run of the job `per_video` over a range of partitions."""
    job = definitions.resolve_job_def("per_video")
    result = job.execute_in_process(run_config=QUIET, instance=instance, tags=range_tags(*keys))
    assert result.success


def stages_alone(settings: Settings, paths: Sequence[Path]) -> dict[str, float]:
    """CPU seconds of each stage's own compute on some videos, with the settings of the product."""
    resources = default_resources(settings)
    sampling, coca, captioning, caption_filter, summarizer = (
        resources[key] for key in ("sampling", "coca", "captioning", "caption_filter", "summarizer")
    )
    eyes = resident_coca(coca)
    calibration = calibrate_model(coca, caption_filter)
    seconds: dict[str, float] = {}
    started = cpu_seconds()

    def stage_ends(name: str) -> None:
        nonlocal started
        seconds[name] = seconds.get(name, 0) + cpu_seconds() - started
        started = cpu_seconds()

    for first in range(0, len(paths), CHUNK):
        videos = [
            extract_frames(
                path,
                sampling=sampling_rule(sampling),
                limits=decoding_limits(sampling),
                short_side=sampling.short_side,
                quality=sampling.jpeg_quality,
            ).frames
            for path in paths[first : first + CHUNK]
        ]
        stage_ends("frames")
        pictures = [frame.image for frames in videos for frame in frames]
        batches = list(
            describe_frames(
                eyes, pictures, decode=decode_settings(captioning), batch_size=coca.batch_size
            )
        )
        texts = [caption.text for batch in batches for caption in batch.captions]
        vectors = np.concatenate([batch.embeddings for batch in batches])
        bounds = list(pairwise(np.cumsum([0, *map(len, videos)])))
        captions = [texts[start:stop] for start, stop in bounds]
        stage_ends("captions_and_embeddings")
        different = sorted(set(texts))
        vectors_of = dict(zip(different, embed_texts(eyes, different).embeddings, strict=True))
        filtered = []
        for lines in captions:
            kept = filter_captions(
                lines,
                method=caption_filter.method,
                embeddings=np.stack([vectors_of[line] for line in lines]),
                calibration=calibration,
            )
            filtered.append(
                captions_to_read(
                    [lines[k.position] for k in kept],
                    [k.members for k in kept],
                    returns=summarizer.returns,
                )
            )
        stage_ends("filtered_captions")
        summaries = summarize(
            resident_summarizer(summarizer),
            filtered,
            prompt=summarizer.prompt,
            max_new_tokens=summarizer.max_new_tokens,
            repetition_penalty=summarizer.repetition_penalty,
            batch_tokens=summarizer.batch_tokens,
        )
        stage_ends("video_summaries")
        for start, stop in bounds:
            once = np.ones(stop - start, int)
            _ = [fuse(vectors[start:stop], once) for fuse in FUSIONS.values()]
        stage_ends("video_embeddings")
        distinct = list(dict.fromkeys([*(summary.text for summary in summaries), *texts]))
        rows = dict(zip(distinct, embed_texts(eyes, distinct).embeddings, strict=True))
        for video in zip(([s.text] for s in summaries), captions, filtered, strict=True):
            _ = [np.mean([rows[text] for text in source], axis=0) for source in video]
        stage_ends("text_embeddings")
    return seconds


class Folder:
    """A data folder on the same videos, with its instance and the definitions that run on it."""

    def __init__(
        self, home: Path, videos: Path, build: Callable[[Settings], dg.Definitions]
    ) -> None:
        self.settings = remember(home, videos=videos)
        self.definitions = build(self.settings)
        self.instance = open_instance(self.settings)

    def run(self, keys: tuple[str, str]) -> float:
        """CPU seconds of the job over a range."""
        started = cpu_seconds()
        run_range(self.definitions, self.instance, keys)
        return cpu_seconds() - started


def measure(
    home: Path, sizes: Sequence[int], *, alone_up_to: int, scale: int
) -> dict[str, float | int | str | None]:
    """The figures of a folder that grows from size to size."""
    product = Folder(home / "product", home / "videos", build_definitions)
    floor = Folder(home / "floor", home / "videos", empty_graph)
    catalogue = product.definitions.resolve_job_def("catalogue")
    figures: dict[str, float | int | str | None] = {
        "pixels": f"{SIZE * scale} x {SIZE * scale}",
        "videos_per_run": product.settings.videos_per_run,
    }
    ratios: list[float] = []
    whole = empty = 0.0
    compared = 0
    stages: dict[str, float] = {}
    for before, size in pairwise([0, *sizes]):
        add_videos(home / "videos", first=before, stop=size, scale=scale)
        started = cpu_seconds()
        catalogue.execute_in_process(run_config=QUIET, instance=product.instance)
        listing = cpu_seconds() - started
        rows = Warehouse(path=product.settings.warehouse).read("SELECT video_id, path FROM videos")
        paths = {video: Path(path) for video, path in rows.sort("video_id").iter_rows()}
        register_videos(floor.instance, list(paths))
        assert videos_partitions.name
        keys = list(product.instance.get_dynamic_partitions(videos_partitions.name))
        assert keys == list(floor.instance.get_dynamic_partitions(videos_partitions.name))
        started = cpu_seconds()
        wanted = current_status(product.settings).videos_to_do(jobs.PER_VIDEO)
        step_product, step_floor = cpu_seconds() - started, 0.0
        assert len(wanted) == size - before
        for first, last in ranges_with(keys, wanted, size=product.settings.videos_per_run):
            videos = keys[keys.index(first) : keys.index(last) + 1]
            of_product, of_floor = product.run((first, last)), floor.run((first, last))
            step_product += of_product
            step_floor += of_floor
            if size <= alone_up_to:
                of_stages = stages_alone(product.settings, [paths[video] for video in videos])
                stages = {k: stages.get(k, 0) + v for k, v in of_stages.items()}
                whole, empty, compared = (
                    whole + of_product,
                    empty + of_floor,
                    compared + len(videos),
                )
                ratios.append(of_product / (sum(of_stages.values()) + of_floor))
                print(f"{first} to {last}: {ratios[-1]:.3f}", flush=True)
        added = size - before
        figures[f"{before}_to_{size}_pipeline_cpu_s_per_video"] = step_product / added
        figures[f"{before}_to_{size}_floor_cpu_s_per_video"] = step_floor / added
        figures[f"{before}_to_{size}_catalogue_cpu_s_per_video"] = listing / added
    alone = sum(stages.values())
    ledger = Warehouse(path=product.settings.warehouse).read(
        "SELECT count(*) FILTER (asset = 'text_embeddings'),"
        " sum(n_rows) FILTER (asset = 'frames') / count(*) FILTER (asset = 'frames')"
        " FROM materializations"
    )
    done, frames = ledger.row(0)
    assert done == sizes[-1], "Some videos were not finished."
    figures["frames_per_video"] = float(frames)
    for name, seconds in stages.items():
        figures[f"{name}_alone_cpu_s_per_video"] = seconds / compared
    figures |= {
        "compared_videos": compared,
        "pipeline_cpu_s_per_video": whole / compared,
        "stages_alone_cpu_s_per_video": alone / compared,
        "floor_cpu_s_per_video": empty / compared,
        "beyond_both_cpu_s_per_video": (whole - alone - empty) / compared,
        "pipeline_to_stages_and_floor": whole / (alone + empty),
        "lowest_range": min(ratios),
        "highest_range": max(ratios),
    }
    return figures


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 200], help="ascending")
    parser.add_argument("--alone-up-to", type=int, default=200)
    parser.add_argument("--scale", type=int, default=1, help="of the pictures' sides")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with TemporaryDirectory() as folder:
        started = cpu_seconds()
        (Path(folder) / "warm-up").mkdir()
        measure(Path(folder) / "warm-up", [2], alone_up_to=2, scale=options.scale)
        warm_up = cpu_seconds() - started
        figures = measure(
            Path(folder), options.sizes, alone_up_to=options.alone_up_to, scale=options.scale
        )
    report(
        "the per-video pipeline on 30 s videos, embedded profile, CPU seconds per video",
        figures={"torch_threads": options.threads, "warm_up_cpu_s": warm_up, **figures},
        packages=("dagster", "duckdb", "polars", "torch", "av"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()

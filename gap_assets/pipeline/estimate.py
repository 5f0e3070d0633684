"""What a folder of videos will cost, before anyone starts: frames, bytes and time.

Belongs here: counting by the files' packets, decoding a few videos, and what follows for all. How
fast the steps are is read from the data folder's ledger, or tried on those few videos. Does not
belong here: printing, and what the steps compute.
"""

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gap_assets.graph import CONES, CONTROLS, ENCODERS
from gap_assets.limits import Limits
from gap_assets.pipeline.catalogue import find_videos
from gap_assets.pipeline.cones import plan_profile
from gap_assets.pipeline.frames import sampling_rule
from gap_assets.pipeline.reference_captions import read_captions
from gap_assets.pipeline.trial import Chosen, try_models
from gap_assets.pipeline.untrained import plan_controls
from gap_assets.settings import Settings, default_parameters
from gap_assets.video.container import UnreadableVideoError, open_video
from gap_assets.video.frames import Extraction, extract_frames
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError
from gap_assets.video.sampler import planned_picks
from gap_assets.video.sampling import Sampling
from gap_assets.video.timeline import read_timeline
from gap_assets.warehouse.parts import part_of
from gap_assets.warehouse.store import Warehouse

TRIED_VIDEOS = 12
TRIED_FRAMES = 120  # of one of them
ENOUGH_VIDEOS = 20  # in the ledger, made with today's settings
EVENTS_S = 0.05  # Dagster's own CPU seconds for the assets of a video (benchmarks/pipeline.py)

PER_FRAME = ("frames", "frame_captions")
PER_VIDEO = ("video_summaries", "text_embeddings")
EVENTS = "event_embeddings"


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a file's packets tell.

    Attributes:
        path: The file.
        seconds: Its duration.
        frames: How many frames the sampling picks; exact where the packets tell the times.
        work: Pixels of all coded pictures, what the time of decoding goes by.
    """

    path: Path
    seconds: float
    frames: int
    work: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a folder will cost.

    Attributes:
        videos: Files that can be opened.
        unreadable: Files that cannot.
        hours: Of video.
        frames: To be stored.
        image_bytes: Of their JPEGs; the warehouse's file is up to a fifth larger.
        seconds: By step, on this machine, as if nothing else ran.
        model_share: Which share of the processor the models keep busy while others decode on
            it: none from a GPU, all without one, less where torch is given fewer cores.
        rates: Where the speeds are from, a sentence.
    """

    videos: int
    unreadable: int
    hours: float
    frames: int
    image_bytes: int
    seconds: Mapping[str, float]
    model_share: float
    rates: str

    @property
    def bound(self) -> str:
        """The step that takes longest."""
        return max(self.seconds, key=lambda step: self.seconds[step])

    @property
    def total_s(self) -> float:
        """Seconds from the first to the last video."""
        decoding, describing = (self.seconds[step] for step in PER_FRAME)
        both = max(describing, decoding + self.model_share * describing)
        return sum(self.seconds.values()) - decoding - describing + both

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON-able values."""
        return {**asdict(self), "bound": self.bound, "total_s": self.total_s}


def outline(path: Path, *, sampling: Sampling) -> Outline:
    """Reads a file's packets and decodes none.

    Raises:
        UnreadableVideoError: The file cannot be opened.
    """
    timeline = read_timeline(path)
    picks = len(planned_picks(sampling, timeline=timeline))
    with open_video(path) as (_, stream):
        pixels = stream.width * stream.height
    return Outline(
        path=path,
        seconds=timeline.end_s,
        frames=min(picks, Limits.max_frames),
        work=pixels * len(timeline.pts),
    )


def timed_frames(path: Path, *, sampling: Sampling, short_side: int) -> tuple[Extraction, float]:
    """The first `TRIED_FRAMES` frames of a video, and the CPU seconds that they took."""
    started = time.process_time()
    limits = Limits(max_frames=TRIED_FRAMES)
    found = extract_frames(path, sampling=sampling, limits=limits, short_side=short_side, once=True)
    return found, time.process_time() - started


def estimate(directory: Path, *, settings: Settings, fingerprints: Mapping[str, str]) -> Estimate:
    """Predicts what materialising a folder's videos costs on this machine.

    Args:
        directory: The folder.
        settings: How it would be run. Their data folder's ledger gives the speeds if it has
            enough results made with the same settings.
        fingerprints: Of each asset's settings, to tell which results were.

    Raises:
        FileNotFoundError: If the folder is not there, or holds no video that can be read.
    """
    import torch

    chosen = Chosen(**default_parameters(settings))  # type: ignore[arg-type]
    sampling = sampling_rule(chosen.sampling)
    paths = find_videos(directory)
    with DecoderProcesses(limits=Limits()) as processes, ThreadPoolExecutor(_cores()) as pool:

        def outlined(path: Path) -> Outline | None:
            try:
                return processes.run(outline, path, sampling=sampling)
            except (UnreadableVideoError, InterruptedDecodingError):
                return None

        def tried(video: Outline) -> tuple[Outline, Extraction, float] | None:
            side = chosen.sampling.short_side
            try:
                found, seconds = processes.run(
                    timed_frames, video.path, sampling=sampling, short_side=side
                )
            except (UnreadableVideoError, InterruptedDecodingError):
                return None
            return video, found, seconds

        videos = [video for video in pool.map(outlined, paths) if video and video.frames]
        picked = np.linspace(0, len(videos) - 1, min(TRIED_VIDEOS, len(videos))).round().astype(int)
        samples = [sample for sample in pool.map(tried, [videos[i] for i in picked]) if sample]
    if not samples:
        raise FileNotFoundError(f"None of the {len(paths)} files in {directory} is a whole video.")
    frames = sum(video.frames for video in videos)
    sizes = [np.mean([len(frame.image) for frame in found.frames]) for _, found, _ in samples]
    bytes_per_frame = np.average(sizes, weights=[video.frames for video, *_ in samples])
    pictures = _pictures_of_new_networks(videos, chosen) if settings.controls else {}
    timed = _timed_sentences(settings, videos)
    seconds = _from_ledger(
        settings, {**fingerprints, **_of_encoders(chosen)}, videos, pictures, timed=timed
    )
    rates = "Speeds are those of the results that the data folder already holds."
    if seconds is None:
        seconds = _from_trial(samples, videos, chosen, pictures, timed=timed)
        rates = f"Speeds were tried on {len(samples)} of the videos."
    if not timed:
        del seconds[EVENTS]
    if not chosen.encoders.names:
        del seconds[ENCODERS]
    return Estimate(
        videos=len(videos),
        unreadable=len(paths) - len(videos),
        hours=sum(video.seconds for video in videos) / 3600,
        frames=frames,
        image_bytes=round(frames * float(bytes_per_frame)),
        seconds=seconds | {"Dagster's events": EVENTS_S * len(videos)},
        model_share=0 if torch.cuda.is_available() else min(1, torch.get_num_threads() / _cores()),
        rates=rates,
    )


def _from_ledger(
    settings: Settings,
    fingerprints: Mapping[str, str],
    videos: Sequence[Outline],
    pictures: Mapping[str, int],
    *,
    timed: int,
) -> dict[str, float] | None:
    """Seconds by step at the speed of what was made before; None where that is too little."""
    warehouse = Warehouse(path=settings.warehouse)
    if not warehouse.exists():
        return None
    rows = warehouse.read(
        "SELECT asset, count(*) AS videos, sum(seconds) / count(*) AS per_video,"
        " sum(seconds) / sum(n_rows) AS per_row FROM materializations"
        " JOIN (SELECT unnest(?) AS asset, unnest(?) AS settings) USING (asset, settings)"
        " WHERE n_rows > 0 GROUP BY asset",
        list(fingerprints),
        list(fingerprints.values()),
    )
    made = {row["asset"]: row for row in rows.to_dicts()}
    by_encoders = [asset for asset in fingerprints if asset.startswith(part_of(ENCODERS, ""))]
    needed = [*PER_FRAME, *PER_VIDEO, *by_encoders]
    if any(asset not in made or made[asset]["videos"] < ENOUGH_VIDEOS for asset in needed):
        return None
    frames = sum(video.frames for video in videos)
    seconds = {asset: made[asset]["per_row"] * frames for asset in PER_FRAME}
    seconds["frames"] /= _cores()
    # At most, for these write no captions.
    seconds |= {asset: made["frame_captions"]["per_row"] * n for asset, n in pictures.items()}
    seconds[ENCODERS] = sum(made[asset]["per_video"] for asset in by_encoders) * len(videos)
    seconds[EVENTS] = made.get(EVENTS, made["text_embeddings"])["per_row"] * timed
    return seconds | {asset: made[asset]["per_video"] * len(videos) for asset in PER_VIDEO}


def _from_trial(
    samples: Sequence[tuple[Outline, Extraction, float]],
    videos: Sequence[Outline],
    chosen: Chosen,
    encoded: Mapping[str, int],
    *,
    timed: int,
) -> dict[str, float]:
    """Seconds by step at the speed that the steps have on a few videos."""
    frames = sum(video.frames for video in videos)
    taken = sum(v.work * len(found.frames) / v.frames for v, found, _ in samples)
    decoding = sum(seconds for *_, seconds in samples) / taken * sum(v.work for v in videos)
    pictures = [frame.image for _, found, _ in samples for frame in found.frames]
    captions = max(1, min(frames // len(videos), TRIED_FRAMES))
    speeds = try_models(chosen, pictures, captions=captions)
    return {
        "frames": decoding / _cores(),
        "frame_captions": speeds.frame_described * frames,
        "video_summaries": speeds.video_summarized * len(videos),
        "text_embeddings": speeds.video_texts_embedded * len(videos),
        ENCODERS: speeds.frame_by_encoders * frames + speeds.video_by_encoders * len(videos),
        EVENTS: speeds.video_texts_embedded / (captions + 1) * timed,  # And one summary.
        **{asset: speeds.frame_embedded * n for asset, n in encoded.items()},
    }


def _timed_sentences(settings: Settings, videos: Sequence[Outline]) -> int:
    """Sentences of these videos that say when they are true, by the captions file."""
    if not settings.captions:
        return 0
    captions = read_captions(settings.captions).filter(pl.col("timestamps").list.len() > 0)
    told = dict(captions.select("video_id", pl.col("sentences").list.len()).iter_rows())
    return sum(told.get(video.path.stem, 0) for video in videos)


def _pictures_of_new_networks(videos: Sequence[Outline], chosen: Chosen) -> dict[str, int]:
    """By asset, the pictures that all of its networks together encode, noise included."""
    from gap_assets.coca.cost import encoding_flop

    frames = {str(video.path): video.frames for video in videos}
    flop = encoding_flop(chosen.coca.model)
    return {
        CONTROLS: plan_controls(frames, chosen.statistics, flop=flop).pictures,
        CONES: plan_profile(frames, chosen.statistics, flop=flop).pictures,
    }


def _of_encoders(chosen: Chosen) -> dict[str, str]:
    """By each encoder's part of its asset, the fingerprint of the settings that it is made with."""
    return {part_of(ENCODERS, name): v for name, v in chosen.encoders.fingerprints().items()}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Frames on their way into the warehouse: decoded, then captioned and embedded by one model pass.

Decoding itself is `gap_assets.video`'s work and describing `gap_assets.coca`'s; how a run goes
through its videos is decided in `stages`.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gap_assets.coca.settings import DecodeSettings
from gap_assets.limits import Limits
from gap_assets.parameters import (
    Captioning,
    CocaModel,
    EverySeconds,
    FixedCount,
    FrameSampling,
    FramesPerSecond,
)
from gap_assets.pipeline.catalogue import was_read
from gap_assets.pipeline.embeddings import embedding_column
from gap_assets.pipeline.models import resident_coca
from gap_assets.pipeline.stages import Finish, failure
from gap_assets.video import sampling as rules
from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.frames import Extraction, extract_frames
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError
from gap_assets.warehouse.ledger import Failure, Results
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse

log = logging.getLogger(__name__)

FRAME_KEY = ("video_id", "frame_index")

STORED_FRAMES = """
    SELECT video_id, frame_index, image FROM frames WHERE video_id IN (FROM given)
    ORDER BY video_id, frame_index
"""

Decoded = tuple[Extraction | Failure, float]
"""What became of a video, and the seconds that it took."""


def sampling_rule(sampling: FrameSampling) -> rules.Sampling:
    """The decoder's form of the sampling; its processes start without pydantic."""
    match sampling.sampling:
        case FramesPerSecond(rate=rate):
            return rules.FramesPerSecond(rate=rate)
        case EverySeconds(seconds=seconds):
            return rules.EverySeconds(seconds=seconds)
        case FixedCount(count=count):
            return rules.FixedCount(count=count)
        case _:
            return rules.KeyFrames()


def decoding_limits(sampling: FrameSampling) -> Limits:
    """What a video may cost."""
    return Limits(
        max_pixels=int(sampling.max_megapixels * 1e6),
        max_frames=sampling.max_frames,
        max_decode_seconds=sampling.max_decode_seconds,
    )


def decode_settings(captioning: Captioning) -> DecodeSettings:
    """The caption decoder's form of the settings."""
    values = captioning.model_dump(exclude={"weights"})
    return DecodeSettings(**values | {"beams": captioning.width})


def file_stamp(path: Path) -> tuple[int, int] | None:
    """A file's size and modification time, or None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def start_decoding(
    videos: Sequence[str],
    _: Sequence[str],
    *,
    warehouse: Warehouse,
    sampling: FrameSampling,
    threads: ThreadPoolExecutor,
    processes: DecoderProcesses,
) -> Finish:
    """Begins to decode some videos; finishes with their frames, failures and damage."""
    listed = warehouse.read("SELECT * FROM videos WHERE video_id IN (FROM given)", videos=videos)
    decode = partial(_decode, sampling=sampling, processes=processes)
    begun = {file["video_id"]: threads.submit(decode, file) for file in listed.to_dicts()}
    return partial(_decoded, begun)


def _decode(
    file: Mapping[str, Any], *, sampling: FrameSampling, processes: DecoderProcesses
) -> Decoded:
    """Decodes a file of the catalogue, if it is still the one that was listed."""
    started = time.monotonic()
    path = Path(file["path"])
    if not was_read(file):
        return Failure(error_type="VideoNotReadError", error=file["error"], final=True), 0.0
    found = _extract(path, sampling=sampling, processes=processes)
    # The result is filed under the hash of the file that was listed: it must be of that file.
    if file_stamp(path) != (file["bytes"], file["modified_ns"]):
        found = Failure(
            error_type="VideoChangedError",
            error=f"{path.name} changed or went away since the folder was read;"
            " materialize `videos` again.",
            final=False,
        )
    return found, time.monotonic() - started


def _extract(
    path: Path, *, sampling: FrameSampling, processes: DecoderProcesses
) -> Extraction | Failure:
    try:
        return processes.run(
            extract_frames,
            path,
            sampling=sampling_rule(sampling),
            limits=decoding_limits(sampling),
            short_side=sampling.short_side,
            quality=sampling.jpeg_quality,
            once=sampling.stills == "once",
        )
    except UnreadableVideoError as unreadable:
        return failure(unreadable, final=True)
    except InterruptedDecodingError as interrupted:
        return failure(interrupted, final=False)
    except Exception as unexpected:
        log.exception("Decoding %s failed.", path)
        return failure(unexpected, final=False)


def _decoded(begun: Mapping[str, "Future[Decoded]"], _: Mapping[str, pl.DataFrame]) -> Results:
    return decoded_frames({video: decoding.result() for video, decoding in begun.items()})


def decoded_frames(found: Mapping[str, Decoded]) -> Results:
    """The rows of what was decoded: by video, its frames or its failure, and the seconds."""
    extractions = {video: x for video, (x, _) in found.items() if isinstance(x, Extraction)}
    failures = {video: x for video, (x, _) in found.items() if isinstance(x, Failure)}
    frames = (
        (video, f.frame_index, f.timestamp_s, f.width, f.height, f.image, f.repeats)
        for video, extraction in sorted(extractions.items())
        for f in extraction.frames
    )
    status = [
        *((video, "damaged" if x.damage else "ok", x.damage) for video, x in extractions.items()),
        *((video, "unreadable", x.error) for video, x in failures.items() if x.final),
    ]
    return Results(
        rows={"frames": typed_rows("frames", frames)},
        failures=failures,
        seconds={video: seconds for video, (_, seconds) in found.items()},
        video_status=typed_rows("videos", status, columns=("video_id", "status", "error")),
    )


def start_describing(
    videos: Sequence[str],
    wanted: Sequence[str],
    *,
    warehouse: Warehouse,
    coca: CocaModel,
    captioning: Captioning,
) -> Finish:
    """Describes frames that were just decoded, or else those that are stored, when it finishes."""
    return partial(_describe, videos, wanted, warehouse, coca, captioning)


def _describe(
    videos: Sequence[str],
    wanted: Sequence[str],
    warehouse: Warehouse,
    coca: CocaModel,
    captioning: Captioning,
    made: Mapping[str, pl.DataFrame],
) -> Results:
    from gap_assets.coca.engine import describe_frames, embed_frames

    frames = made["frames"] if "frames" in made else warehouse.read(STORED_FRAMES, videos=videos)
    keys, pictures, size = frames.select(FRAME_KEY), frames["image"], coca.batch_size
    if frames.is_empty():
        return Results(rows=dict.fromkeys(wanted, keys))
    rows, embeddings = {}, None
    if "frame_captions" in wanted:
        model = resident_coca(coca, weights=captioning.weights)
        decode = decode_settings(captioning)
        batches = list(describe_frames(model, pictures, decode=decode, batch_size=size))
        captions = [(c.text, c.logprob) for batch in batches for c in batch.captions]
        columns = ("caption", "logprob")
        rows["frame_captions"] = keys.hstack(
            typed_rows("frame_captions", captions, columns=columns)
        )
        if captioning.weights in (None, coca.weights):  # One pass makes both.
            embeddings = np.concatenate([batch.embeddings for batch in batches])
    if "frame_embeddings" in wanted:
        if embeddings is None:
            embeddings = embed_frames(resident_coca(coca), pictures, batch_size=size)
        rows["frame_embeddings"] = keys.with_columns(embedding_column(embeddings))
    return Results(rows=rows)

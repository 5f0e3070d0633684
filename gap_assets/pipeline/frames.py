"""Frames on their way into the warehouse: the rows of what was decoded, and of what failed."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from gap_assets.video.frames import Extraction
from gap_assets.warehouse.ledger import Failure, Results
from gap_assets.warehouse.rows import table

FRAME_KEY = {"video_id": pl.String, "frame_index": pl.Int32}


STORED_FRAMES = """
    SELECT video_id, frame_index, image FROM frames WHERE video_id IN (FROM given)
    ORDER BY video_id, frame_index
"""


def file_stamp(path: Path) -> tuple[int, int] | None:
    """A file's size and modification time, or None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def decoded_frames(found: Mapping[str, tuple[Extraction | Failure, float]]) -> Results:
    """The rows of what was decoded: by video, its frames or its failure, and the seconds."""
    extractions = {video: x for video, (x, _) in found.items() if isinstance(x, Extraction)}
    failures = {video: x for video, (x, _) in found.items() if isinstance(x, Failure)}
    return Results(
        rows={
            "frames": table(
                (
                    (video, f.frame_index, f.timestamp_s, f.width, f.height, f.image)
                    for video, extraction in sorted(extractions.items())
                    for f in extraction.frames
                ),
                video_id=pl.String,
                frame_index=pl.Int32,
                timestamp_s=pl.Float64,
                width=pl.Int32,
                height=pl.Int32,
                image=pl.Binary,
            )
        },
        failures=failures,
        seconds={video: seconds for video, (_, seconds) in found.items()},
        video_status=table(
            [
                (video, "damaged" if extraction.damage else "ok", extraction.damage)
                for video, extraction in extractions.items()
            ]
            + [(video, "unreadable", x.error) for video, x in failures.items() if x.final],
            video_id=pl.String,
            status=pl.String,
            error=pl.String,
        ),
    )

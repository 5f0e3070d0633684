"""The frames of a video, as pictures in memory or as JPEGs to store.

Belongs here: what the rest of the platform calls. Does not belong here: how frames are decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gap_assets.video.decode import DecodeReport, Limits
from gap_assets.video.picture import jpeg, rgb, shrink
from gap_assets.video.sampler import picked_frames
from gap_assets.video.sampling import Sampling

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class SampledFrame:
    """One sampled frame.

    Attributes:
        frame_index: 0-based position among the video's sampled frames.
        timestamp_s: Presentation time from the container's start.
        repeats: How many of the sampling's outputs show it, one after the other.
        image: (H, W, 3) uint8 RGB, upright.
    """

    frame_index: int
    timestamp_s: float
    repeats: int
    image: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class StoredFrame:
    """One sampled frame as a JPEG; `width` and `height` are the JPEG's."""

    frame_index: int
    timestamp_s: float
    repeats: int
    width: int
    height: int
    image: bytes


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The stored frames of a video, and one sentence on what is missing, if anything is."""

    frames: list[StoredFrame]
    damage: str | None


def sample_frames(
    path: Path,
    *,
    sampling: Sampling,
    limits: Limits = DEFAULT_LIMITS,
    report: DecodeReport | None = None,
    once: bool = False,
) -> Iterator[SampledFrame]:
    """Yields the sampled frames of a video in presentation order; memory holds a few.

    A picture that stays is one frame, with `repeats`.

    The pixel aspect ratio is not applied: pictures have the coded size, as ffmpeg gives them.

    Args:
        path: A local video file.
        sampling: Which frames.
        limits: What the video may cost.
        report: Filled in with damage and cost, for a caller that wants them.
        once: Whether every picture counts once, however long it stays.

    Raises:
        UnreadableVideoError: The file cannot be opened, or no picture of it can be decoded.
    """
    reformatter = VideoReformatter()
    frames = picked_frames(
        path, sampling=sampling, limits=limits, report=report or DecodeReport(), once=once
    )
    for frame_index, picked in enumerate(frames):
        yield SampledFrame(
            frame_index=frame_index,
            timestamp_s=picked.timestamp_s,
            repeats=picked.repeats,
            image=rgb(picked.frame, reformatter),
        )


def extract_frames(
    path: Path,
    *,
    sampling: Sampling,
    limits: Limits = DEFAULT_LIMITS,
    short_side: int,
    quality: int = 90,
    once: bool = False,
) -> Extraction:
    """Samples a video and encodes each frame as a JPEG.

    Args:
        path: A local video file.
        sampling: Which frames.
        limits: What the video may cost.
        short_side: Of the stored pictures, in pixels; smaller pictures are not enlarged.
        quality: Of the JPEGs, 1 to 95.
        once: Whether every picture counts once, however long it stays.

    Raises:
        UnreadableVideoError: The file cannot be opened, or no picture of it can be decoded.
    """
    report = DecodeReport()
    frames = []
    for sampled in sample_frames(path, sampling=sampling, limits=limits, report=report, once=once):
        picture = shrink(sampled.image, short_side)
        frames.append(
            StoredFrame(
                frame_index=sampled.frame_index,
                timestamp_s=sampled.timestamp_s,
                repeats=sampled.repeats,
                width=picture.width,
                height=picture.height,
                image=jpeg(picture, quality),
            )
        )
    return Extraction(frames=frames, damage=report.damage())

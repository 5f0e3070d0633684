"""Which frames of a video are kept, as what pictures, and what a video may cost."""

import os
from typing import Annotated, ClassVar, Literal

import dagster as dg
from pydantic import Field

from gap_assets.resources.base import Determining
from gap_assets.video import sampling as core_sampling
from gap_assets.video.decode import Limits


class FramesPerSecond(dg.Config):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""

    kind: Literal["frames_per_second"] = "frames_per_second"
    rate: float = Field(default=1.0, gt=0)


class EverySeconds(dg.Config):
    """The frame on screen every so many seconds."""

    kind: Literal["every_seconds"] = "every_seconds"
    seconds: float = Field(gt=0)


class FixedCount(dg.Config):
    """The same number of frames of every video, evenly spread."""

    kind: Literal["fixed_count"] = "fixed_count"
    count: int = Field(ge=1)


class KeyFrames(dg.Config):
    """The frames that the encoder stored whole."""

    kind: Literal["key_frames"] = "key_frames"


class FrameSampling(Determining):
    """Which frames are kept, and as what pictures."""

    free: ClassVar[frozenset[str]] = frozenset({"threads"})

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]
    short_side: int = Field(ge=16)
    jpeg_quality: int = Field(default=90, ge=1, le=100)
    max_megapixels: float = Limits.max_pixels / 1e6
    max_frames: int = Limits.max_frames
    max_decode_seconds: float = Limits.max_decode_seconds
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1)

    def core(self) -> core_sampling.Sampling:
        """The core's name for the sampling."""
        match self.sampling:
            case FramesPerSecond(rate=rate):
                return core_sampling.FramesPerSecond(rate=rate)
            case EverySeconds(seconds=seconds):
                return core_sampling.EverySeconds(seconds=seconds)
            case FixedCount(count=count):
                return core_sampling.FixedCount(count=count)
            case _:
                return core_sampling.KeyFrames()

    def limits(self) -> Limits:
        """What a video may cost."""
        return Limits(
            max_pixels=int(self.max_megapixels * 1e6),
            max_frames=self.max_frames,
            max_decode_seconds=self.max_decode_seconds,
        )

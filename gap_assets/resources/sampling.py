"""Which frames of a video are kept, as what pictures, and what a video may cost."""

from typing import Annotated

import dagster as dg
from pydantic import Field

from gap_assets import choices
from gap_assets.video import sampling as core_sampling
from gap_assets.video.limits import Limits


# Dagster shows a union in the launchpad if its members are its own.
class FramesPerSecond(choices.FramesPerSecond, dg.Config):
    """By ffmpeg's own rule: the last frame before each (k + 0.5) / rate seconds."""


class EverySeconds(choices.EverySeconds, dg.Config):
    """The frame on screen every so many seconds."""


class FixedCount(choices.FixedCount, dg.Config):
    """The same number of frames of every video, evenly spread."""


class KeyFrames(choices.KeyFrames, dg.Config):
    """The frames that the encoder stored whole."""


class FrameSampling(choices.FrameSampling, dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which frames are kept, and as what pictures."""

    sampling: Annotated[
        FramesPerSecond | EverySeconds | FixedCount | KeyFrames, Field(discriminator="kind")
    ]

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

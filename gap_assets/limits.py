"""What a video may cost, free of libav, so that any config can hold it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one video may cost at most.

    Attributes:
        max_pixels: Width times height of a picture; 8192 x 4352 is the largest of HEVC level 6.2.
        max_frames: Sampled frames.
        max_decode_seconds: CPU seconds in the decoder.
        max_memory: Bytes, where the video is decoded in a process of its own.
    """

    max_pixels: int = 8192 * 4352
    max_frames: int = 10_000
    max_decode_seconds: float = 3600.0
    max_memory: int = 4 * 2**30

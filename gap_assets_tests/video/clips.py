"""Encodes the small clips that the tests read, and digests pictures."""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame


def pictures(count: int, *, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """A camera panning over a texture, with a bright square that crosses and a cut half way."""
    random = np.random.default_rng(7)
    coarse = random.integers(0, 256, (2, height // 4 + count, width // 4 + count, 3), np.uint8)
    texture = coarse.repeat(4, axis=1).repeat(4, axis=2)
    made = []
    for index in range(count):
        scene = texture[2 * index // count]
        picture = scene[index : index + height, 2 * index : 2 * index + width].copy()
        left = index * 3 % width
        picture[height // 4 : height // 2, left : left + width // 6] = 250
        made.append(picture)
    return made


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    count: int = 90,
    size: tuple[int, int] = (96, 64),
    rotation: int = 0,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encodes `count` pictures, at 30 frames per second or at `times` in milliseconds."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, picture in enumerate(pictures(count, width=size[0], height=size[1])):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index if times is None else times[index]
            frame.time_base = Fraction(1, 30) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def digest(frame: VideoFrame, *, upright: bool = False) -> str:
    """sha256 of the native planes without padding, turned upright if asked."""
    hashed = sha256()
    for plane, component in zip(frame.planes, frame.format.components, strict=False):
        depth = -(-component.bits // 8)
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        pixels = rows[:, : plane.width * depth].view(f"u{depth}")
        hashed.update(np.rot90(pixels, frame.rotation // 90 if upright else 0).tobytes())
    return hashed.hexdigest()

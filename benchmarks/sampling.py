"""CPU time of sampling frames: the exact sampler, decoding everything, and ffmpeg's command line.

    python benchmarks/sampling.py [--json] [--seconds N] [FILE ...]

Without files it draws two H.264 High clips (360p and 720p, x264's medium preset), so that anyone
can repeat it; with files it measures those. All three ways end with RGB pictures at one frame per
second: in memory for the first two, as PNG files for ffmpeg, which is left out where it is missing.
The pictures of the first two are compared byte for byte before anything is timed.
"""

import argparse
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from common import cpu_times, report
from numpy.typing import NDArray
from PIL import Image

from gap_assets.video.decode import DecodeReport, Limits
from gap_assets.video.frames import extract_frames, sample_frames
from gap_assets.video.picture import rgb
from gap_assets.video.sampler import decode_then_pick
from gap_assets.video.sampling import FramesPerSecond
from gap_assets.video.timeline import read_timeline

SAMPLING = FramesPerSecond(rate=1.0)
FPS = 30
SCENE_SECONDS = 7


def draw_clip(path: Path, *, width: int, height: int, seconds: int) -> None:
    """Encodes smooth pictures with a panning camera, moving discs and a cut now and then."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / height
    coarse_y, coarse_x = y[::2, ::2, None], x[::2, ::2, None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"preset": "medium", "crf": "23", "g": "150"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(seconds * FPS):
            if index % (SCENE_SECONDS * FPS) == 0:
                waves = random.uniform(-50, 50, (12, 2, 3))
                scene = 128 + sum(20 * np.sin(coarse_x * u + coarse_y * v) for u, v in waves)
                scene = np.clip(scene, 0, 255).astype(np.uint8)
                scene = np.asarray(Image.fromarray(scene).resize((2 * width, 2 * height)))
                discs = random.uniform(-1, 1, (6, 4))
                colours = random.integers(0, 256, (6, 3), dtype=np.uint8)
            t = index % (SCENE_SECONDS * FPS) / FPS / SCENE_SECONDS
            top, left = int(t * height * 0.6), int(t * width * 0.9)
            picture = scene[top : top + height, left : left + width].copy()
            for disc, colour in zip(discs, colours, strict=True):
                centre = 0.5 + 0.4 * np.sin(6 * disc[:2] * t * SCENE_SECONDS + 3 * disc[2:])
                dy = y[:, :1] - centre[0]
                dx = x[:1] - centre[1] * width / height
                picture[dx**2 + dy**2 < (0.04 + 0.08 * abs(disc[0])) ** 2] = colour
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def sample_exactly(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The pictures by the exact sampler."""
    for sampled in sample_frames(path, sampling=SAMPLING):
        yield from [sampled.image] * sampled.repeats


def decode_everything(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The same pictures, picked from every frame decoded on one thread."""
    reformatter = VideoReformatter()
    frames = decode_then_pick(
        path, SAMPLING, timeline=read_timeline(path), limits=Limits(), report=DecodeReport()
    )
    for picked in frames:
        image = rgb(picked.frame, reformatter)
        yield from [image] * picked.repeats


def ffmpeg_to_png(path: Path) -> None:
    """What a notebook does: PNG files by the ffmpeg command line with its default threads."""
    with TemporaryDirectory() as folder:
        command = ["ffmpeg", "-v", "error", "-i", str(path.absolute()), "-vf", "fps=1"]
        subprocess.run([*command, f"{folder}/%05d.png"], check=True)


def measure(path: Path, *, name: str, repeats: int) -> dict[str, float]:
    """CPU seconds of each way and their ratios, the names prefixed by the clip's."""
    pairs = zip(sample_exactly(path), decode_everything(path), strict=True)
    same = [np.array_equal(sampled, expected) for sampled, expected in pairs]
    if not all(same):
        raise SystemExit(f"{name}: the sampler's pictures differ from those of a full decode.")
    works: dict[str, Callable[[], Any]] = {
        "exact": lambda: deque(sample_exactly(path), maxlen=0),
        "decode_all": lambda: deque(decode_everything(path), maxlen=0),
        "exact_and_jpeg": lambda: extract_frames(path, sampling=SAMPLING, short_side=224),
    }
    if shutil.which("ffmpeg"):
        works["ffmpeg_png"] = lambda: ffmpeg_to_png(path)
    seconds = cpu_times(works, repeats=repeats)
    figures: dict[str, float] = {"frames": len(same)}
    figures |= {f"{way}_cpu_s": value for way, value in seconds.items()}
    figures["exact_to_decode_all"] = seconds["exact"] / seconds["decode_all"]
    if "ffmpeg_png" in seconds:
        figures["exact_to_ffmpeg_png"] = seconds["exact"] / seconds["ffmpeg_png"]
        figures["exact_and_jpeg_to_ffmpeg_png"] = seconds["exact_and_jpeg"] / seconds["ffmpeg_png"]
    return {f"{name}_{figure}": value for figure, value in figures.items()}


def main() -> None:
    """Reads the command line, measures each clip and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="videos; drawn ones if none")
    parser.add_argument("--seconds", type=int, default=20, help="length of the drawn clips")
    parser.add_argument("--repeats", type=int, default=5, help="the cheapest run counts")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        clips = {path.stem: path for path in options.files}
        if not clips:
            for name, width, height in (("360p", 640, 360), ("720p", 1280, 720)):
                clips[name] = Path(folder) / f"{name}.mp4"
                draw_clip(clips[name], width=width, height=height, seconds=options.seconds)
        figures: dict[str, float] = {}
        for name, path in clips.items():
            figures |= measure(path, name=name, repeats=options.repeats)
    report(
        "sampling at one frame per second, CPU seconds",
        figures=figures,
        packages=("av", "numpy", "pillow"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()

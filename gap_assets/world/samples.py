"""Sample videos of the world as H.264 files, with their true captions beside them."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw

from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.language import frame_caption
from gap_assets.world.scene import FPS, Film, sampled_frames
from gap_assets.world.stories import draw_film

CAPTIONS_FILE = "captions.jsonl"
TRUTH_RATE = 2  # captions of frames per second in the captions file


def write_samples(directory: Path, *, count: int, seed: int) -> Path:
    """Write videos `world-0000.mp4` and so on, drawn from the held-out split, and their captions.

    A file that is already there is kept, and every file appears whole or not at all.

    Args:
        directory: Where the files go; made if need be.
        count: How many videos.
        seed: Names the sequence of films; the same seed gives the same videos.

    Returns:
        The captions file: one JSON object per line with what `truth` gives.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    for index in range(count):
        film = draw_film(seed, index, split="held-out")
        path = directory / f"world-{index:04d}.mp4"
        if not path.exists():
            write_video(film, path)
        lines.append(json.dumps({"video_id": path.stem, **truth(film)}) + "\n")
    captions = directory / CAPTIONS_FILE
    partial = captions.with_suffix(".partial")
    partial.write_text("".join(lines), encoding="utf-8")
    return partial.replace(captions)


def truth(film: Film) -> dict[str, Any]:
    """What is true of a film, in the words of ActivityNet Captions.

    A sentence is true from half-way between the clear frames where it begins to half-way between
    those where it ends: in between, one state changes into the next.

    Returns:
        `caption` (the true summary), `duration` in seconds, `sentences` (each true caption that
        differs from the one before), their `timestamps` (start and end in seconds), and
        `frame_captions` (the true captions at 2 frames per second).
    """
    picked = sampled_frames(len(film.beats), rate=TRUTH_RATE)
    captions = [frame_caption(film, k) for k in picked]
    first = [k for k, text in enumerate(captions) if k == 0 or text != captions[k - 1]]
    duration = film.frame_count / FPS
    borders = [0.0, *((picked[k - 1] + picked[k]) / 2 / FPS for k in first[1:]), duration]
    return {
        "caption": film.story.summary,
        "duration": duration,
        "sentences": [captions[k] for k in first],
        "timestamps": [list(span) for span in pairwise(borders)],
        "frame_captions": captions,
    }


def write_video(film: Film, path: Path) -> None:
    """Encode a film as H.264 in an MP4 file of 128 by 128 pixels."""
    partial = path.with_suffix(".partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1  # the same bytes on every machine
        for k in range(film.frame_count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw_frame(film, k))))
        container.mux(stream.encode(None))
    partial.replace(path)


def contact_sheet(cells: Sequence[tuple[Image.Image, str]], *, columns: int) -> Image.Image:
    """Pictures with their captions below them, for looking at.

    Args:
        cells: Pictures of any size, shown at 128 pixels, and the text of each; lines are kept.
        columns: Cells in a row.
    """
    wide, high = 240, 128 + 86
    sheet = Image.new("RGB", (columns * wide, -(-len(cells) // columns) * high), "white")
    pen = ImageDraw.Draw(sheet)
    for k, (picture, text) in enumerate(cells):
        x, y = k % columns * wide, k // columns * high
        sheet.paste(picture.resize((SIZE, SIZE), Image.Resampling.NEAREST), (x, y))
        pen.multiline_text((x, y + SIZE + 2), text, fill="black")
    return sheet

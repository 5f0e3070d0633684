"""Training material: frames as production would see them, with the words of their captions.

The degradation imitates the real path (H.264 at 128 pixels, stored JPEG, bicubic resize to the
model's input) with two JPEG round trips, at a tenth of its cost.
"""

import io
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.language import caption, mirrored
from gap_assets.world.scene import FPS
from gap_assets.world.stories import Split, draw_film

IMAGE_SIZE = 64  # the small CoCa's input, pixels
FRAMES_PER_FILM = 3
CHUNK = 250  # films per task of the process pool
CORPUS_SEED, PAIRS_SEED = 0, 1  # of the films to train on, and of those to observe

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainingCorpus:
    """Frames of many films, all in memory.

    `films[k]` is the number of the film that frame k is from, in ascending order.
    """

    images: Pixels  # (n, 64, 64, 3)
    captions: npt.NDArray[np.str_]  # (n,)
    mirrored: npt.NDArray[np.str_]  # (n,): the caption of the picture's mirror image
    films: npt.NDArray[np.int64]  # (n,)
    summaries: npt.NDArray[np.str_]  # (number of films,)


def jpeg_round_trip(image: Image.Image, quality: int) -> Image.Image:
    """The picture after storing it as JPEG with Pillow's defaults."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def seen(frame: Pixels, rng: np.random.Generator) -> Pixels:
    """A drawn frame as (64, 64, 3), after an imitation of video and storage."""
    compressed = jpeg_round_trip(Image.fromarray(frame), int(rng.integers(60, 96)))
    stored_size = int(rng.choice([IMAGE_SIZE, 72, 80, SIZE]))
    stored = compressed.resize((stored_size, stored_size), Image.Resampling.BICUBIC)
    kept = jpeg_round_trip(stored, 90)
    return np.asarray(kept.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))


def on_all_cores(draw: Callable[[int], T], films: int, *, chunk: int) -> list[T]:
    """`draw` of the films 0, 1 and so on, their number rounded up to whole chunks."""
    whole = -(-films // chunk) * chunk
    with ProcessPoolExecutor() as pool:
        return list(pool.map(draw, range(whole), chunksize=chunk))


def _film_frames(
    index: int, *, seed: int, split: Split
) -> tuple[str, list[tuple[Pixels, str, str]]]:
    """Summary of a film, and up to three frames of different beats with both captions."""
    film = draw_film(seed, index, split=split)
    rng = np.random.default_rng([seed, index, 1])
    starts = [s for s in range(len(film.beats)) if s == 0 or film.beats[s] != film.beats[s - 1]]
    distinct = list({film.beats[s]: s for s in starts}.values())
    frames = []
    for second in rng.permutation(distinct)[:FRAMES_PER_FILM].tolist():
        picture = draw_frame(film, second * FPS + int(rng.integers(1, 6)))
        told, told_mirrored = (
            caption(beat, film.story.background)
            for beat in (film.beats[second], mirrored(film.beats[second]))
        )
        frames.append((seen(picture, rng), told, told_mirrored))
    return film.story.summary, frames


def render_films(
    *, films: int, seed: int, split: Split, cache: Path | None = None
) -> TrainingCorpus:
    """Draw the frames of many films on all cores; the same corpus for the same arguments.

    Args:
        films: How many films, in whole chunks of 250.
        seed: Seed of the sequence of films.
        split: Which split they come from.
        cache: File to keep the corpus in, read when it exists.
    """
    if cache is not None and cache.exists():
        with np.load(cache) as stored:
            return TrainingCorpus(**stored)
    drawn = on_all_cores(partial(_film_frames, seed=seed, split=split), films, chunk=CHUNK)
    images, captions, mirrors = zip(*(f for _, frames in drawn for f in frames), strict=True)
    corpus = TrainingCorpus(
        images=np.stack(images),
        captions=np.array(captions),
        mirrored=np.array(mirrors),
        films=np.repeat(np.arange(len(drawn)), [len(frames) for _, frames in drawn]),
        summaries=np.array([summary for summary, _ in drawn]),
    )
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial_file = cache.with_suffix(".partial.npz")
        np.savez(partial_file, **vars(corpus))
        partial_file.replace(cache)
    return corpus

"""Training material: frames as production would see them, with the words of their captions.

The degradation imitates the real road (H.264 at 128 pixels, stored JPEG, bicubic resize to the
model's input) with two JPEG round trips, at a tenth of its cost.
"""

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.language import caption, frame_caption, mirrored
from gap_assets.world.scene import FPS, beat_at
from gap_assets.world.stories import Split, draw_film

IMAGE_SIZE = 64  # the small CoCa's input, pixels
FRAMES_PER_FILM = 3
CHUNK = 250  # films per task of the process pool

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Corpus:
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


def _film_frames(
    index: int, *, seed: int, split: Split
) -> tuple[str, list[tuple[Pixels, str, str]]]:
    """Summary of a film, and up to three frames of different beats with both captions."""
    film = draw_film(seed, index, split=split)
    rng = np.random.default_rng([seed, index, 1])
    starts = [s for s in range(len(film.beats)) if s == 0 or film.beats[s] != film.beats[s - 1]]
    distinct = list({film.beats[s]: s for s in starts}.values())
    chosen = rng.permutation(distinct)[:FRAMES_PER_FILM]
    frames = []
    for second in chosen.tolist():
        k = second * FPS + int(rng.integers(1, 6))
        other = caption(mirrored(beat_at(film, k)), film.story.background)
        frames.append((seen(draw_frame(film, k), rng), frame_caption(film, k), other))
    return film.story.summary, frames


def _chunk(start: int, *, films: int, seed: int, split: Split) -> Corpus:
    drawn = [_film_frames(k, seed=seed, split=split) for k in range(start, start + films)]
    rows = [(k, *frame) for k, (_, frames) in enumerate(drawn) for frame in frames]
    return Corpus(
        images=np.stack([row[1] for row in rows]),
        captions=np.array([row[2] for row in rows]),
        mirrored=np.array([row[3] for row in rows]),
        films=np.array([row[0] + start for row in rows]),
        summaries=np.array([summary for summary, _ in drawn]),
    )


def render(*, films: int, seed: int, split: Split, cache: Path | None = None) -> Corpus:
    """Draw the frames of many films on all cores; the same corpus for the same arguments.

    Args:
        films: How many films, in whole chunks of 250.
        seed: Seed of the sequence of films.
        split: Which split they come from.
        cache: File to keep the corpus in, read when it exists.
    """
    if cache is not None and cache.exists():
        with np.load(cache) as stored:
            return Corpus(**{name: stored[name] for name in stored.files})
    with ProcessPoolExecutor() as pool:
        task = partial(_chunk, films=CHUNK, seed=seed, split=split)
        chunks = list(pool.map(task, range(0, films, CHUNK)))
    fields = Corpus.__dataclass_fields__
    corpus = Corpus(**{f: np.concatenate([getattr(c, f) for c in chunks]) for f in fields})
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial_file = cache.with_suffix(".partial.npz")
        np.savez(partial_file, **{f: getattr(corpus, f) for f in fields})
        partial_file.replace(cache)
    return corpus

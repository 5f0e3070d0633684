"""Embeds by a named encoder, in a process of its own, and by the library that it comes from.

Run as `python -m gap_assets_tests.hub.ours_and_theirs NAME`; it prints what was found as JSON.
"""

import gc
import json
import sys
import time

import numpy as np

from gap_assets.encoders.loading import load_encoder
from gap_assets_tests.encoders.inputs import TEXTS, random_picture
from gap_assets_tests.encoders.reference import by_open_clip, by_transformers, smallest_distance

PICTURES = [(256, 455), (455, 256), (300, 300), (100, 150)]


def main(name: str) -> dict[str, object]:
    """The largest differences, and the smallest distances that they are to be measured by."""
    kind, _, rest = name.partition(":")
    pictures = [random_picture(*size, seed) for seed, size in enumerate(PICTURES)]
    encoder = load_encoder(name, device="cpu", batch_size=2)
    if kind == "open_clip":
        started = time.monotonic()
        shown, words = encoder.embed_images(pictures), encoder.embed_texts(TEXTS)
        items = len(pictures)
    else:
        videos = [
            [random_picture(256, 341, 100 * k + i) for i in range(encoder.frames)] for k in range(2)
        ]
        started = time.monotonic()
        shown, words = encoder.embed_videos(videos), encoder.embed_texts(TEXTS)
        items = len(videos) * encoder.frames
    seconds = time.monotonic() - started
    facts = {"dimensions": encoder.dimensions, "frames": getattr(encoder, "frames", None)}
    del encoder
    gc.collect()  # Two models of this size need not fit into memory.
    if kind == "open_clip":
        model, _, tag = rest.rpartition("/")
        their_shown, their_words = by_open_clip(model, pictures, TEXTS, tag)
    else:
        their_shown, their_words = by_transformers(rest, videos, TEXTS)
    return facts | {
        "images": float(np.abs(shown - their_shown).max()),
        "texts": float(np.abs(words - their_words).max()),
        "distance": min(smallest_distance(their_shown), smallest_distance(their_words)),
        "frames_per_second": items / seconds,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))

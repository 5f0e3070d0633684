"""Pictures for the benchmarks of the CoCa engine: smooth random colours, as photos have them."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image


def pictures(count: int, *, width: int, height: int) -> Iterator[Image.Image]:
    """Make `count` seeded pictures that all differ."""
    for seed in range(count):
        small = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        yield Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def jpegs(count: int, *, short_side: int) -> list[bytes]:
    """Make 16:9 pictures as the pipeline stores them."""
    encoded = []
    for picture in pictures(count, width=short_side * 16 // 9, height=short_side):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        encoded.append(buffer.getvalue())
    return encoded

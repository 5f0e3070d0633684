"""Pictures for the benchmarks of the CoCa engine: smooth random colours, as photos have them."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from gap_assets.video.picture import jpeg


def pictures(count: int, *, width: int, height: int) -> Iterator[Image.Image]:
    """Make `count` seeded pictures that all differ."""
    for seed in range(count):
        small = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        yield Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def jpegs(count: int, *, short_side: int) -> list[bytes]:
    """Make 16:9 pictures as the pipeline stores them."""
    drawn = pictures(count, width=short_side * 16 // 9, height=short_side)
    return [jpeg(picture, 90) for picture in drawn]

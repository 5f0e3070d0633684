"""What encoders are shown in tests."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TEXTS = [
    "A man in a red shirt throws a frisbee to his dog.",
    "a woman cuts an onion, and then another one",
    "",
    "two people dance in a hall while others watch them " * 4,
    "naïve café",
]


def random_picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """(height, width, 3): coarse blotches under fine noise, so that every resize differs."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    blotches = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=int)
    noise = random.integers(-40, 41, (height, width, 3))
    return (blotches + noise).clip(0, 255).astype(np.uint8)

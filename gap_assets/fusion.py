"""Fusion: from the embeddings of a video's frames to one embedding of the video."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]


def mean(frames: Embeddings) -> Embeddings:
    """The mean of the frames: what video retrieval does (CLIP4Clip, arXiv 2104.08860)."""
    return np.asarray(frames.mean(axis=0, dtype=np.float64), dtype=np.float32)


def medoid(frames: Embeddings) -> Embeddings:
    """The frame closest to all others by mean cosine; of equals, to five decimals, the first."""
    return np.asarray(frames[np.argmax((frames @ frames.mean(axis=0, dtype=np.float64)).round(5))])


def maximum(frames: Embeddings) -> Embeddings:
    """The largest value of each dimension."""
    return np.asarray(frames.max(axis=0))


def middle(frames: Embeddings) -> Embeddings:
    """The frame in the middle of the video."""
    return np.asarray(frames[len(frames) // 2])


FUSIONS: dict[str, Callable[[Embeddings], Embeddings]] = {
    "mean": mean,
    "medoid": medoid,
    "max": maximum,
    "middle": middle,
}
"""Each takes the unit frame embeddings (n, D), n >= 1, in the order of the video, and gives (D,).

The result is not normalised again: the norm of a mean says how alike the frames are.
"""

"""Means, cosines and gaps of some events as weighted sums over videos: O(N D), no N x N matrix.

One implementation serves the value, for which each video counts once, and the bootstrap, for which
it counts as often as it is drawn.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gap_assets.gap.events.data import Events, Mask, Vectors
from gap_assets.gap.metrics.resampling import STEP
from gap_assets.gap.pairs import AnyFloats, FloatArray


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """Some of E events, of n videos, and how often each video counts in each replicate.

    Attributes:
        events: (m,) the events, as rows of the arrays of all.
        videos: (n,) their videos, ascending.
        video: (m,) the video of each of them, 0 to n - 1.
        weights: (1 + B, n) ones, then multinomial counts; float32 holds them exactly.
        total: E.
    """

    events: NDArray[np.intp]
    videos: NDArray[np.int64]
    video: NDArray[np.intp]
    weights: Vectors
    total: int

    @property
    def counts(self) -> FloatArray:
        """(n,) events of each video."""
        return np.bincount(self.video, minlength=len(self.videos)).astype(np.float64)

    def sums(self, values: Vectors, *, factors: Vectors | None = None) -> Vectors:
        """The sum over each video's events, (n, D), of the values (E, D) of all, without a copy.

        Args:
            values: What is added up.
            factors: (E,) multiplies them; ones by default.
        """
        data = np.ones(len(self.events), np.float32) if factors is None else factors[self.events]
        # A sparse matrix of n rows: which events a video has.
        shape = (len(self.videos), self.total)
        chooser = csr_array((data, (self.video, self.events)), shape=shape)
        return np.asarray(chooser @ values)


def resample(events: Events, members: Mask, *, bootstraps: int, seed: int) -> Resampled:
    """Draws the videos of some events (E,) again and again, each with all of these events."""
    chosen = np.flatnonzero(members)
    videos, video = np.unique(events.video[chosen], return_inverse=True)
    weights = draw_weights(len(videos), bootstraps=bootstraps, seed=seed)
    return Resampled(events=chosen, videos=videos, video=video, weights=weights, total=len(events))


def draw_weights(n: int, *, bootstraps: int, seed: int) -> Vectors:
    """(1 + bootstraps, n): what `bootstrap_weights` gives, without a copy in 64 bits of it all."""
    weights = np.ones((1 + bootstraps, n), np.float32)
    rng = np.random.default_rng(seed)
    for start in range(1, len(weights) if n else 0, STEP):
        part = weights[start : start + STEP]
        part[:] = rng.multinomial(n, np.full(n, 1 / n), size=len(part))
    return weights


def part_of(drawn: Resampled, events: Events, members: Mask) -> Resampled:
    """Fewer events of the same draws, so that both can be compared replicate by replicate."""
    part = resample(events, members, bootstraps=0, seed=0)
    return replace(part, weights=drawn.weights[:, np.searchsorted(drawn.videos, part.videos)])


def mean_of(drawn: Resampled, values: FloatArray) -> FloatArray:
    """The mean (1 + B,) over events of values (E,) of all."""
    summed = np.bincount(drawn.video, values[drawn.events])
    total, count = _weighted(drawn.weights, np.stack([summed, drawn.counts], axis=1))
    return np.asarray(total / count)


def gap_of(drawn: Resampled, differences: Vectors) -> FloatArray:
    """The debiased distance (1 + B,) of the centroids of sentences and frames.

    With R_v the summed difference of sentence and frames over the n_v events of video v,
    gap^2 = (|sum w R|^2 - sum w^2 |R|^2) / ((sum w n)^2 - sum w^2 n^2): the U-statistic of
    `gap_assets.gap.metrics.moments` with the video as its unit. Pairs of events of one video are
    left out, for they are alike for other reasons than the gap.

    Args:
        drawn: The events.
        differences: (n, D) R_v of each video.
    """
    count = drawn.counts
    own = np.stack([_dot(differences, differences), count**2], axis=1)
    own_squares, own_pairs = _weighted(drawn.weights, own, squared=True)
    [all_events] = _weighted(drawn.weights, count[:, None])
    total = drawn.weights @ differences
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where one video holds all weight
        square = (_dot(total, total) - own_squares) / (all_events**2 - own_pairs)
        return np.asarray(np.sqrt(np.maximum(square, 0)))


def cosine_with_others(drawn: Resampled, sentences: Vectors, frames: Vectors) -> FloatArray:
    """The mean cosine (1 + B,) of a sentence with the frames of another of the videos.

    The U-statistic over ordered pairs of different videos: with S_v the sum of the n_v sentences
    and M_v the mean of the frames, (sum w S . sum w M - sum w^2 S . M) / (sum w n sum w -
    sum w^2 n). Sentences and gallery are drawn together, so the interval covers both.

    Args:
        drawn: The events.
        sentences: (n, D) S_v.
        frames: (n, D) M_v.
    """
    count = drawn.counts
    own = np.stack([_dot(sentences, frames), count], axis=1)
    own_dots, own_pairs = _weighted(drawn.weights, own, squared=True)
    all_events, all_videos = _weighted(
        drawn.weights, np.stack([count, np.ones_like(count)], axis=1)
    )
    across = _dot(drawn.weights @ sentences, drawn.weights @ frames)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((across - own_dots) / (all_events * all_videos - own_pairs))


def _weighted(weights: Vectors, values: FloatArray, *, squared: bool = False) -> FloatArray:
    """Sums (k, 1 + B) of values (n, k), by the weights or by their squares."""
    powers = (weights, weights) if squared else (weights,)
    names = "bn,bn,nk->kb" if squared else "bn,nk->kb"
    return np.asarray(np.einsum(names, *powers, values, dtype=np.float64))


def _dot(one: AnyFloats, other: AnyFloats) -> FloatArray:
    return np.asarray(np.einsum("nd,nd->n", one, other, dtype=np.float64))

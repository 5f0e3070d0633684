"""Uncertainty and references: bootstrap over videos, sign-flip test, split halves.

The unit that is resampled is always the video, never a frame or a similarity. Everything is a
matrix product of random weights with per-video rows, and seeded.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gap_assets.gap.pairs import FloatArray, Pairs

STEP = 128  # random rows per matrix product; bounds memory at STEP * N * 8 bytes


def bootstrap_weights(n: int, *, bootstraps: int, seed: int) -> FloatArray:
    """(1 + bootstraps, n): a row of ones for the value itself, then multinomial counts."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=bootstraps)
    return np.concatenate([np.ones((1, n)), counts])


def interval(values: FloatArray) -> tuple[float, float] | tuple[None, None]:
    """95 % percentile interval of the bootstrap replicates (B,); None without replicates."""
    if len(values) == 0 or not np.isfinite(values).all():
        return None, None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


class SignFlipTest(NamedTuple):
    """H0: within a pair the two modality labels are exchangeable."""

    null: FloatArray  # (B,) gaps under random flips; their level is sqrt(mean squared distance / N)
    p_value: float  # (1 + number of null gaps at least as large) / (B + 1)


def sign_flip_test(pairs: Pairs, *, permutations: int, seed: int) -> SignFlipTest:
    """Tests the gap against exchangeable labels, keeping every pair together."""
    differences, n = pairs.video - pairs.text, len(pairs)
    rng = np.random.default_rng(seed)

    def flips(count: int) -> FloatArray:
        return np.asarray(rng.integers(0, 2, size=(count, n)) * 2.0 - 1.0)

    null = _norms_of_sums(differences, flips, permutations) / n
    gap = np.linalg.norm(differences.mean(axis=0))
    # A tie differs from the gap only by the order of its additions.
    exceeding = int((null >= gap * (1 - 1e-12)).sum())
    return SignFlipTest(null, (1 + exceeding) / (permutations + 1))


def split_half_gaps(rows: FloatArray, *, repeats: int, seed: int) -> FloatArray:
    """Gaps (repeats,) between random halves of ONE modality: what no gap at all looks like.

    An odd row is left out of each split, so the halves have equal size. The expected value is
    about sqrt(4 tr(covariance) / N).
    """
    half, odd = divmod(len(rows), 2)
    signs = np.repeat([1.0, -1.0, 0.0], [half, half, odd])
    rng = np.random.default_rng(seed)

    def splits(count: int) -> FloatArray:
        return rng.permuted(np.tile(signs, (count, 1)), axis=1)

    return _norms_of_sums(rows, splits, repeats) / half


def _norms_of_sums(
    rows: FloatArray, draw_signs: Callable[[int], FloatArray], repeats: int
) -> FloatArray:
    """Norms (repeats,) of sums of rows under random signs, `STEP` draws at a time."""
    counts = [min(STEP, repeats - start) for start in range(0, repeats, STEP)]
    return np.concatenate([np.linalg.norm(draw_signs(count) @ rows, axis=1) for count in counts])

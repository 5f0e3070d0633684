"""Uncertainty and references: bootstrap over videos, sign-flip test, split halves.

The unit that is resampled is always the video, never a frame or a similarity. Everything is a
matrix product of random weights with per-video rows, and seeded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gap_assets.gap.inputs import FloatArray, Pairs

STEP = 128  # random rows per matrix product; bounds memory at STEP * N * 8 bytes


def bootstrap_weights(n: int, *, bootstraps: int, seed: int) -> FloatArray:
    """(1 + bootstraps, n): a row of ones for the value itself, then multinomial counts."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=bootstraps)
    return np.concatenate([np.ones((1, n)), counts])


def interval(values: FloatArray, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of the bootstrap replicates (B,); None without replicates."""
    if len(values) == 0 or not np.isfinite(values).all():
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class SignFlipTest:
    """H0: within a pair the two modality labels are exchangeable.

    Attributes:
        null: (B,) gaps after flipping the sign of each pair's difference at random. Their level is
            known: sqrt(mean squared pair distance / N).
        p_value: (1 + number of null gaps at least as large) / (B + 1).
    """

    null: FloatArray
    p_value: float


def sign_flip_test(pairs: Pairs, *, permutations: int, seed: int) -> SignFlipTest:
    """Tests the gap against exchangeable labels, keeping every pair together."""
    differences = pairs.video - pairs.text
    rng = np.random.default_rng(seed)
    null = _random_sums(differences, permutations, rng, balanced=False) / len(pairs)
    gap = np.linalg.norm(differences.mean(axis=0))
    # A tie differs from the gap only by the order of its additions.
    exceeding = int((null >= gap * (1 - 1e-12)).sum())
    return SignFlipTest(null, (1 + exceeding) / (permutations + 1))


def split_half_gaps(rows: FloatArray, *, repeats: int, seed: int) -> FloatArray:
    """Gaps (repeats,) between random halves of ONE modality: what no gap at all looks like.

    An odd row is left out of each split, so the halves have equal size. The expected value is
    about sqrt(4 tr(covariance) / N).
    """
    rng = np.random.default_rng(seed)
    return _random_sums(rows, repeats, rng, balanced=True) / (len(rows) // 2)


def _random_sums(
    rows: FloatArray, repeats: int, rng: np.random.Generator, *, balanced: bool
) -> FloatArray:
    """Norms (repeats,) of sums of rows under random signs; balanced: as many + as -."""
    n = len(rows)
    signs_of_halves = np.zeros(n)
    signs_of_halves[: n // 2], signs_of_halves[n // 2 : n // 2 * 2] = 1, -1
    norms = []
    for start in range(0, repeats, STEP):
        size = min(STEP, repeats - start)
        if balanced:
            signs = rng.permuted(np.tile(signs_of_halves, (size, 1)), axis=1)
        else:
            signs = rng.integers(0, 2, size=(size, n)) * 2.0 - 1.0
        norms.append(np.linalg.norm(signs @ rows, axis=1))
    return np.concatenate(norms)

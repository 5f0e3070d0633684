"""Uncertainty and references: bootstrap over videos, sign-flip test, split halves.

The unit that is resampled is always the video, or the cluster of videos that are near-copies of
each other, never a frame or a similarity. Everything is a matrix product of random weights with
rows per unit, and seeded.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from gap_assets.gap.metrics.moments import cluster_sums
from gap_assets.gap.pairs import FloatArray, Labels, Pairs

STEP = 128  # random rows per matrix product; bounds memory at STEP * N * 8 bytes
LEAST_UNITS = 4  # of three a resample has two different ones at most times: no interval
EXACT_UNITS = 12  # 2 ** 12 flips can all be tried
LEVEL = 0.95


def bootstrap_weights(n: int, *, bootstraps: int, seed: int) -> FloatArray:
    """(1 + bootstraps, n): a row of ones for the value itself, then multinomial counts."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=bootstraps)
    return np.concatenate([np.ones((1, n)), counts])


class Ends(Protocol):
    """What has the ends of an interval, or None for them."""

    @property
    def ci_low(self) -> float | None:
        """The lower end."""

    @property
    def ci_high(self) -> float | None:
        """The upper end."""


def interval(
    value: float, replicates: FloatArray, *, units: int, most: float = np.inf
) -> tuple[float, float] | tuple[None, None]:
    """95 % percentile interval of a bootstrap, widened for few units.

    Resamples of n units vary by (n - 1) / n of what n new units would, and their spread is itself
    an estimate: either end moves away from the value by t / z * sqrt(n / (n - 1)), with t of n - 1
    degrees of freedom (Hesterberg 2015, arXiv 1411.5279, section 5.2).

    Args:
        value: What the interval is of; it lies within.
        replicates: (B,) the bootstrap's; those that are NaN drew one unit only.
        units: How many were resampled.
        most: What it cannot exceed.

    Returns:
        The ends; None without replicates and for fewer than four units.
    """
    from scipy.stats import norm, t

    known = replicates[np.isfinite(replicates)]
    if units < LEAST_UNITS or 2 * len(known) < max(len(replicates), 1):
        return None, None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    wider = t.ppf(tail, units - 1) / norm.ppf(tail) * np.sqrt(units / (units - 1))
    low, high = value - wider * (value - low), value + wider * (high - value)
    # Percentiles of the share 0 or 1 may lie on the other side of it by a rounding.
    floor = 0.0 if known.min() >= 0 <= value else -np.inf  # what is never negative
    return float(max(min(low, value), floor)), float(min(max(high, value), max(most, value)))


class SignFlipTest(NamedTuple):
    """H0: within a pair the two modality labels are exchangeable."""

    null: FloatArray  # (B,) gaps under flips; their level is sqrt(mean squared distance / N)
    p_value: float  # the share of flips, the data themselves among them, whose gap is as large


def sign_flip_test(
    pairs: Pairs, *, permutations: int, seed: int, clusters: Labels | None = None
) -> SignFlipTest:
    """Tests the gap against exchangeable labels, keeping every pair together.

    Near-copies are flipped together. Of up to 12 units all flips are tried, and p is exact.
    """
    differences, n = pairs.video - pairs.text, len(pairs)
    if clusters is not None:
        differences = cluster_sums(differences, clusters, count=int(clusters.max()) + 1)
    gap = float(np.linalg.norm(differences.sum(axis=0))) / n
    units = len(differences)
    if units <= EXACT_UNITS:
        null = np.linalg.norm(all_flips(units) @ differences, axis=1) / n
    else:
        rng = np.random.default_rng(seed)

        def flips(count: int) -> FloatArray:
            return random_flips(rng, count, units)

        null = _norms_of_sums(differences, flips, permutations) / n
    return SignFlipTest(null, exceeding_share(null, gap, exact=units <= EXACT_UNITS))


def exceeding_share(null: FloatArray, value: float, *, exact: bool) -> float:
    """The p-value: (1 +) null values at least as large, over (1 +) their number.

    Args:
        null: (B,) values under the null.
        value: The data's own.
        exact: Whether the null holds every case, the data's own included.
    """
    # A tie differs from the value only by the order of its additions.
    count = int((null >= value - 1e-12 * abs(value)).sum())
    return count / len(null) if exact else (1 + count) / (len(null) + 1)


def all_flips(units: int) -> FloatArray:
    """(2^(units - 1), units) every way to flip labels, up to flipping all of them."""
    bits = np.arange(2 ** (units - 1))[:, None] >> np.arange(units) & 1
    return np.asarray(1.0 - 2.0 * bits)


def random_flips(rng: np.random.Generator, count: int, units: int) -> FloatArray:
    """(count, units) of 1 and -1 at random."""
    return np.asarray(rng.integers(0, 2, size=(count, units)) * 2.0 - 1.0)


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

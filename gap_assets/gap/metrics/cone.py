"""The cone of one set of vectors, its interval, and how much of the sphere a cone's cap covers."""

import math

import numpy as np

from gap_assets.gap.metrics.moments import u_statistics
from gap_assets.gap.metrics.resampling import bootstrap_weights, interval
from gap_assets.gap.pairs import MIN_PAIRS, AnyFloats, FloatArray, unit_rows

LEAST_FOR_INTERVAL = 8  # items; the bootstrap of fewer has too few different replicates
SAME = 1e-6  # vectors closer than this to one another are one, up to float32's rounding


def cones(rows: FloatArray, *, weights: FloatArray) -> FloatArray:
    """Mean cosine of two different items, as a U-statistic.

    With S = sum w_i u_i over unit rows: (|S|^2 - sum w_i^2) / ((sum w)^2 - sum w_i^2), which for
    weights of one is (|S|^2 - n) / (n (n - 1)). Removing sum w^2 takes out each item's similarity
    with itself, also where the bootstrap draws it more than once.

    Args:
        rows: (n, D), unit rows.
        weights: (B, n) non-negative, such as a row of ones.

    Returns:
        (B,); NaN where one item holds all weight.
    """
    return u_statistics(rows, rows, weights=weights).cone_video


def cone_with_interval(
    vectors: AnyFloats, *, bootstraps: int, seed: int
) -> tuple[float, float | None, float | None]:
    """The cone of n vectors and its 95 % interval from resampling them.

    Args:
        vectors: (n, D) of any length but 0.
        bootstraps: Replicates.
        seed: Of the bootstrap; the same for several layers of the same items resamples them alike.

    Returns:
        The cone, NaN of fewer than three items; both ends, None of fewer than eight items or where
        all vectors are the same.
    """
    if len(vectors) < MIN_PAIRS:
        return math.nan, None, None
    rows = unit_rows(vectors)
    few = len(rows) < LEAST_FOR_INTERVAL or np.ptp(rows, axis=0).max() < SAME
    weights = bootstrap_weights(len(rows), bootstraps=0 if few else bootstraps, seed=seed)
    value, *replicates = cones(rows, weights=weights)
    return (float(value), *interval(float(value), np.array(replicates), units=len(rows), most=1.0))


def half_angle(cone: float) -> float:
    """The angle in radians between an item and the mean direction, for a mean cosine of items.

    The mean of many unit vectors has the squared length `cone`, and an item's cosine with its
    direction is on average the root of that. A cone of 0 or less is half of the sphere.
    """
    return math.acos(math.sqrt(min(max(cone, 0.0), 1.0)))


def log10_cap_share(angle: float, dimension: int) -> float:
    """Decimal logarithm of the share of the unit sphere in `dimension` that a cap covers.

    The share of the cap of half-angle a <= pi / 2 is I_x((d - 1) / 2, 1 / 2) / 2 with
    x = sin^2 a, the regularised incomplete beta function (Li 2011, Concise formulas for the area
    and volume of a hyperspherical cap). Where that is below the range of a float, its logarithm is
    taken term by term from I_x(p, q) = x^p (1 - x)^q F(p + q, 1; p + 1; x) / (p B(p, q)).

    Args:
        angle: Half-angle in radians, above 0 and at most pi / 2.
        dimension: Of the space that the sphere lies in, at least 2.
    """
    from scipy.special import betainc, betaln, hyp2f1

    x, p, q = math.sin(angle) ** 2, (dimension - 1) / 2, 0.5
    share = float(betainc(p, q, x)) / 2
    if share > 1e-290:
        return math.log10(share)
    series = math.log(float(hyp2f1(p + q, 1, p + 1, x)))
    powers = p * math.log(x) + q * math.log(math.cos(angle) ** 2)
    return (powers + series - math.log(p) - float(betaln(p, q)) - math.log(2)) / math.log(10)

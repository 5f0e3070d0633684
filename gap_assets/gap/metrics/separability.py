"""What tells the modalities apart, cross-fitted on two halves of the videos.

A direction learned on one half is only ever judged on the other, and the two rows of a pair never
part.
"""

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.pairs import FloatArray, Pairs, evenly_spaced

MIN_PAIRS_FOR_HALVES = 8
CLUSTERED = 2000
STEP = 64  # rows of weights at a time; bounds memory at a few times STEP * N * 8 bytes


def halves(n: int, *, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two random halves of n videos, each in ascending order."""
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def d_prime(pairs: Pairs, *, weights: FloatArray, seed: int) -> FloatArray:
    """Standardised mean difference (B,) along the gap of the other half, per row of weights (B, N).

    (mean_x - mean_y) / sqrt((var_x + var_y) / 2). It has no ceiling, unlike accuracy. The axis is
    fitted anew for each row of weights, so that a bootstrap shows the axis' own uncertainty.
    """
    found = np.empty(len(weights))
    for start in range(0, len(weights), STEP):
        rows = slice(start, start + STEP)
        found[rows] = _d_prime(pairs, weights[rows], seed=seed)
    return found


def _d_prime(pairs: Pairs, weights: FloatArray, *, seed: int) -> FloatArray:
    n = len(pairs)
    differences = pairs.video - pairs.text
    moments = np.zeros((2, 2, len(weights)))  # of video and text: sums and sums of squares
    first, second = halves(n, seed=seed)
    for fit, judge in ((first, second), (second, first)):
        axes = weights[:, fit] @ differences[fit]
        axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-12)
        for own, rows in zip(moments, (pairs.video, pairs.text), strict=True):
            along = axes @ rows[judge].T
            own += np.einsum("bn,pbn->pb", weights[:, judge], np.stack([along, along**2]))
    means, squares = np.moveaxis(moments / weights.sum(axis=1), 1, 0)
    # Bessel's correction by the nominal N, the same in each replicate.
    spread = np.sqrt(np.maximum(squares - means**2, 0).mean(axis=0) * n / (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((means[0] - means[1]) / spread)


def probe_scores(pairs: Pairs, *, seed: int) -> FloatArray:
    """(2, N) decision values of a logistic regression to modality, positive for "video".

    After subtracting the fitting half's means a linear probe is blind by construction (its
    gradient vanishes at zero), so what remains beside the mean is left to nearest neighbours.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    n = len(pairs)
    first, second = (np.concatenate([half, half + n]) for half in halves(n, seed=seed))
    scores = cross_val_predict(
        LogisticRegression(C=10.0, max_iter=300),
        np.concatenate([pairs.video, pairs.text]),
        np.repeat([1, 0], n),
        cv=[(first, second), (second, first)],
        method="decision_function",
    )
    return np.asarray(scores.reshape(2, n))


def modality_clusters(pairs: Pairs, *, seed: int) -> dict[str, float]:
    """How well two k-means clusters of all rows agree with the modalities.

    The adjusted Rand index and the V-measure (Rosenberg and Hirschberg 2007), as in the study of
    the gap and clustering of arXiv 2601.18525; on at most 2,000 pairs, evenly spaced.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, v_measure_score

    some = pairs.take(evenly_spaced(len(pairs), CLUSTERED))
    rows, labels = np.concatenate([some.video, some.text]), np.repeat([0, 1], len(some))
    found = KMeans(2, n_init=4, random_state=seed).fit_predict(rows)
    return {
        "cluster_ari": float(adjusted_rand_score(labels, found)),
        "cluster_v_measure": float(v_measure_score(labels, found)),
    }

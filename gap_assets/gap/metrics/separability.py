"""What tells the modalities apart, cross-fitted on two halves of the videos.

A direction learned on one half is only ever judged on the other, and the two rows of a pair never
part.
"""

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.pairs import FloatArray, Pairs

MIN_PAIRS_FOR_HALVES = 8


def halves(n: int, *, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two random halves of n videos, each in ascending order."""
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def gap_axis_projections(pairs: Pairs, *, seed: int) -> FloatArray:
    """(2, N) video and text coordinates along the unit gap vector of the other half."""
    along = np.empty((2, len(pairs)))
    first, second = halves(len(pairs), seed=seed)
    for fit, judge in ((first, second), (second, first)):
        gap = (pairs.video[fit] - pairs.text[fit]).mean(axis=0)
        axis = gap / max(float(np.linalg.norm(gap)), 1e-12)
        along[:, judge] = pairs.video[judge] @ axis, pairs.text[judge] @ axis
    return along


def d_prime(video: FloatArray, text: FloatArray, *, weights: FloatArray) -> FloatArray:
    """Standardised mean difference (B,) of two samples (N,) for each row of weights (B, N).

    (mean_x - mean_y) / sqrt((var_x + var_y) / 2). It has no ceiling, unlike accuracy.
    """
    total = weights.sum(axis=1, keepdims=True)
    moments = weights @ np.stack([video, text, video**2, text**2], axis=1) / total
    variances = np.maximum(moments[:, 2:] - moments[:, :2] ** 2, 0)
    # Bessel's correction by the nominal N, the same in each replicate.
    spread = np.sqrt(variances.mean(axis=1) * len(video) / (len(video) - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((moments[:, 0] - moments[:, 1]) / spread)


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

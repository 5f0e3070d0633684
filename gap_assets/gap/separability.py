"""Can the modalities be told apart: along the gap axis, and by any linear probe.

Both are cross-fitted on two halves of the videos: a direction learned on one half is only ever
judged on the other, and the two rows of a pair never part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.inputs import FloatArray, Pairs


def halves(n: int, *, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two random halves of n videos, each in ascending order."""
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def gap_axis_projections(pairs: Pairs, *, seed: int) -> tuple[FloatArray, FloatArray]:
    """(N,) video and (N,) text coordinates along the unit gap vector of the other half."""
    video, text = np.empty(len(pairs)), np.empty(len(pairs))
    first, second = halves(len(pairs), seed=seed)
    for fit, judge in ((first, second), (second, first)):
        gap = (pairs.video[fit] - pairs.text[fit]).mean(axis=0)
        axis = gap / max(float(np.linalg.norm(gap)), 1e-12)
        video[judge], text[judge] = pairs.video[judge] @ axis, pairs.text[judge] @ axis
    return video, text


def d_prime(video: FloatArray, text: FloatArray, *, weights: FloatArray) -> FloatArray:
    """Standardised mean difference (B,) of two samples (N,) for each row of weights (B, N).

    (mean_x - mean_y) / sqrt((var_x + var_y) / 2). It has no ceiling, unlike accuracy.
    """
    total = weights.sum(axis=1)
    moments = weights @ np.stack([video, text, video**2, text**2], axis=1) / total[:, None]
    variances = np.maximum(moments[:, 2:] - moments[:, :2] ** 2, 0)
    # Bessel's correction by the nominal N, the same in each replicate.
    spread = np.sqrt(variances.mean(axis=1) * len(video) / (len(video) - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((moments[:, 0] - moments[:, 1]) / spread)


@dataclass(frozen=True)
class Probe:
    """A logistic probe's result: per-video share of right answers (0, 0.5 or 1), and the AUC."""

    correct: FloatArray
    auc: float


def linear_probe(pairs: Pairs, *, seed: int) -> Probe:
    """Logistic regression from embedding to modality, split by video.

    After subtracting the fitting half's means a linear probe is blind by construction (its
    gradient vanishes at zero), so what remains beside the mean is left to nearest neighbours.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    correct, scores = np.empty(len(pairs)), np.empty((2, len(pairs)))
    first, second = halves(len(pairs), seed=seed)
    for fit, judge in ((first, second), (second, first)):
        probe = LogisticRegression(C=10.0, max_iter=300)
        rows = np.concatenate([pairs.video[fit], pairs.text[fit]])
        probe.fit(rows, np.repeat([1, 0], len(fit)))
        scores[0, judge] = probe.decision_function(pairs.video[judge])
        scores[1, judge] = probe.decision_function(pairs.text[judge])
        correct[judge] = np.mean([scores[0, judge] > 0, scores[1, judge] <= 0], axis=0)
    return Probe(correct, float(roc_auc_score(np.repeat([1, 0], len(pairs)), scores.ravel())))

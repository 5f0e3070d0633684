"""The gap, the cones and their kin in closed form: O(N D), no N x N matrix.

Everything here is a function of weighted sums over videos, so one implementation serves the value
(weights of one) and the bootstrap (multinomial counts). Quantities that need every pair of rows
live in `pairwise`, those that need a covariance in `spectra`.
"""

from __future__ import annotations

import numpy as np

from gap_assets.gap.inputs import FloatArray

WEIGHT_ROWS = 128  # rows of weights per step; bounds the copy of squared weights


def closed_form(
    video: FloatArray, text: FloatArray, *, weights: FloatArray
) -> dict[str, FloatArray]:
    """The closed-form family for each row of weights.

    With S_x = sum w_i x_i, P = (sum w)^2 - sum w^2 and r_i = x_i - y_i:
    cones and mismatched cosine are U-statistics, (|S_x|^2 - sum w_i^2 |x_i|^2) / P and
    (S_x . S_y - sum w_i^2 x_i . y_i) / P. Removing sum w^2 takes out each video's similarity with
    itself, also where the bootstrap draws it more than once. The gap is |S_r| / sum w (Liang et
    al. 2022, section 4.2); its debiased square is the U-statistic of r, and for unit rows
    gap_debiased^2 = cone_video + cone_text - 2 mismatched, exactly.

    Args:
        video: (N, D); unit rows, or raw means of unit frames (then cosines are dot products).
        text: (N, D).
        weights: (B, N) non-negative, such as a row of ones.

    Returns:
        Name to (B,) values: centroid_gap, centroid_gap_debiased, centroid_angle_degrees,
        cone_video, cone_text, paired_cosine, mismatched_cosine, rmg (Schrodi et al. 2025, the
        official off-diagonal form), mean_share (|gap|^2 over the mean squared pair distance),
        pair_distance, alignment (Wang and Isola 2020, alpha = 2).
    """
    norms_x = np.einsum("nd,nd->n", video, video)
    norms_y = np.einsum("nd,nd->n", text, text)
    dots = np.einsum("nd,nd->n", video, text)
    squared = np.maximum(norms_x + norms_y - 2 * dots, 0)
    per_video = np.stack([dots, squared, np.sqrt(squared)], axis=1)
    parts = [
        _sums(video, text, step, per_video, np.stack([norms_x, norms_y, dots, squared], axis=1))
        for step in np.split(weights, range(WEIGHT_ROWS, len(weights), WEIGHT_ROWS))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _sums(
    video: FloatArray,
    text: FloatArray,
    weights: FloatArray,
    per_video: FloatArray,
    own: FloatArray,
) -> dict[str, FloatArray]:
    total = weights.sum(axis=1)
    squared_weights = weights**2
    distinct = total**2 - squared_weights.sum(axis=1)
    sum_x, sum_y = weights @ video, weights @ text
    sum_r = sum_x - sum_y
    paired, squared_distance, distance = (weights @ per_video / total[:, None]).T
    own_x, own_y, own_xy, own_r = (squared_weights @ own).T

    def dot(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("bd,bd->b", a, b))

    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where one video holds all weight
        cone_x = (dot(sum_x, sum_x) - own_x) / distinct
        cone_y = (dot(sum_y, sum_y) - own_y) / distinct
        gap = np.sqrt(dot(sum_r, sum_r)) / total
        cosine = dot(sum_x, sum_y) / np.sqrt(dot(sum_x, sum_x) * dot(sum_y, sum_y))
        return {
            "centroid_gap": gap,
            "centroid_gap_debiased": np.sqrt(np.maximum((dot(sum_r, sum_r) - own_r) / distinct, 0)),
            "centroid_angle_degrees": np.degrees(np.arccos(np.clip(cosine, -1, 1))),
            "cone_video": cone_x,
            "cone_text": cone_y,
            "paired_cosine": paired,
            "mismatched_cosine": (dot(sum_x, sum_y) - own_xy) / distinct,
            "rmg": (1 - paired) / ((1 - paired) + 1 - (cone_x + cone_y) / 2),
            "mean_share": gap**2 / squared_distance,
            "pair_distance": distance,
            "alignment": squared_distance,
        }

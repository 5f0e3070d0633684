"""The gap, the cones and their kin in closed form: O(N D), no N x N matrix.

Everything here is a function of weighted sums over videos, so one implementation serves the value
(weights of one) and the bootstrap (multinomial counts).
"""

import numpy as np

from gap_assets.gap.pairs import FloatArray


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
    norms_x, norms_y, dots = _dot(video, video), _dot(text, text), _dot(video, text)
    squared = np.maximum(norms_x + norms_y - 2 * dots, 0)
    own = np.stack([norms_x, norms_y, dots, squared, np.ones_like(dots)], axis=1)
    # einsum squares the weights as it goes: at 15,000 videos a copy of them is 120 MB.
    own_x, own_y, own_xy, own_r, repeats = np.einsum("bn,bn,nk->kb", weights, weights, own)
    total = weights.sum(axis=1)
    distinct = total**2 - repeats
    sum_x, sum_y = weights @ video, weights @ text
    within_x, within_y = _dot(sum_x, sum_x), _dot(sum_y, sum_y)
    across, between = _dot(sum_x, sum_y), _dot(sum_x - sum_y, sum_x - sum_y)
    per_video = np.stack([dots, squared, np.sqrt(squared)], axis=1)
    paired, squared_distance, distance = (weights @ per_video / total[:, None]).T
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where one video holds all weight
        cone_x, cone_y = (within_x - own_x) / distinct, (within_y - own_y) / distinct
        angle = np.arccos(np.clip(across / np.sqrt(within_x * within_y), -1, 1))
        return {
            "centroid_gap": np.sqrt(between) / total,
            "centroid_gap_debiased": np.sqrt(np.maximum((between - own_r) / distinct, 0)),
            "centroid_angle_degrees": np.degrees(angle),
            "cone_video": cone_x,
            "cone_text": cone_y,
            "paired_cosine": paired,
            "mismatched_cosine": (across - own_xy) / distinct,
            "rmg": (1 - paired) / ((1 - paired) + 1 - (cone_x + cone_y) / 2),
            "mean_share": between / total**2 / squared_distance,
            "pair_distance": distance,
            "alignment": squared_distance,
        }


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Dot products (N,) of the rows of two arrays (N, D)."""
    return np.asarray(np.einsum("nd,nd->n", a, b))

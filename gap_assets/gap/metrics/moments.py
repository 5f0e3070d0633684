"""The gap, the cones and their kin in closed form: O(N D), no N x N matrix.

Everything here is a function of weighted sums over videos, so one implementation serves the value
(weights of one) and the bootstrap (multinomial counts).
"""

from dataclasses import dataclass

import numpy as np

from gap_assets.gap.pairs import FloatArray, Labels


def closed_form(
    video: FloatArray, text: FloatArray, *, weights: FloatArray, clusters: Labels | None = None
) -> dict[str, FloatArray]:
    """The closed-form family for each row of weights.

    With S_x = sum w_c X_c over clusters c of m_c videos, X_c the sum of their x_i, W = sum w_c m_c
    and P = W^2 - sum (w_c m_c)^2: cones and mismatched cosine are U-statistics,
    (|S_x|^2 - sum w_c^2 |X_c|^2) / P and (S_x . S_y - sum w_c^2 X_c . Y_c) / P, the means over
    videos of different clusters. Without near-copies each video is a cluster, and what is taken
    out is its similarity with itself, also where the bootstrap draws it more than once. The gap is
    |S_r| / W with r_i = x_i - y_i (Liang et al. 2022, section 4.2); its debiased square is the
    U-statistic of r, and for unit rows gap_debiased^2 = cone_video + cone_text - 2 mismatched,
    exactly.

    Args:
        video: (N, D); unit rows, or raw means of unit frames (then cosines are dot products).
        text: (N, D).
        weights: (B, C) non-negative, such as a row of ones.
        clusters: The cluster of each video, of C; None if each is one of its own.

    Returns:
        Name to (B,) values: centroid_gap, centroid_gap_debiased, centroid_angle_degrees,
        cone_video, cone_text, paired_cosine, mismatched_cosine, rmg (Schrodi et al. 2025, the
        official off-diagonal form), mean_share (the debiased gap squared over the mean squared pair
        distance), pair_distance, alignment (Wang and Isola 2020, alpha = 2).
    """
    dots = _dot(video, text)
    squared = np.maximum(_dot(video, video) + _dot(text, text) - 2 * dots, 0)
    per_video = np.stack([dots, squared, np.sqrt(squared), np.ones_like(dots)], axis=1)
    found = u_statistics(video, text, weights=weights, clusters=clusters)
    if clusters is not None:
        per_video = cluster_sums(per_video, clusters, count=weights.shape[1])
    totals = weights @ per_video
    paired, squared_distance, distance = (totals[:, :3] / totals[:, 3:]).T
    debiased = np.maximum(found.squared_gap, 0)
    spread = 1 - (found.cone_video + found.cone_text) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "centroid_gap": found.gap,
            "centroid_gap_debiased": np.sqrt(debiased),
            "centroid_angle_degrees": found.angle,
            "cone_video": found.cone_video,
            "cone_text": found.cone_text,
            "paired_cosine": paired,
            "mismatched_cosine": found.mismatched,
            "rmg": (1 - paired) / ((1 - paired) + spread),
            "mean_share": debiased / squared_distance,
            "pair_distance": distance,
            "alignment": squared_distance,
        }


@dataclass(frozen=True, kw_only=True)
class UStatistics:
    """Means over videos of different clusters, and the two biased numbers, (B,) each."""

    cone_video: FloatArray
    cone_text: FloatArray
    mismatched: FloatArray
    squared_gap: FloatArray  # debiased; negative by chance where there is no gap
    gap: FloatArray
    angle: FloatArray  # degrees


def u_statistics(
    video: FloatArray, text: FloatArray, *, weights: FloatArray, clusters: Labels | None = None
) -> UStatistics:
    """The sums behind `closed_form`, which has the formulas and the arguments.

    NaN where one cluster holds all weight.
    """
    sizes = np.ones((len(video), 1))
    if clusters is not None:
        video, text, sizes = (
            cluster_sums(rows, clusters, count=weights.shape[1]) for rows in (video, text, sizes)
        )
    norms_x, norms_y, dots = _dot(video, video), _dot(text, text), _dot(video, text)
    apart = norms_x + norms_y - 2 * dots
    own = np.stack([norms_x, norms_y, dots, apart, sizes[:, 0] ** 2], axis=1)
    # einsum squares the weights as it goes: at 15,000 videos a copy of them is 120 MB.
    own_x, own_y, own_xy, own_r, repeats = np.einsum("bc,bc,ck->kb", weights, weights, own)
    total = weights @ sizes[:, 0]
    distinct = total**2 - repeats
    distinct = np.where(distinct > 0, distinct, np.nan)
    sum_x, sum_y = weights @ video, weights @ text
    within_x, within_y = _dot(sum_x, sum_x), _dot(sum_y, sum_y)
    across, between = _dot(sum_x, sum_y), _dot(sum_x - sum_y, sum_x - sum_y)
    with np.errstate(invalid="ignore", divide="ignore"):  # a centroid of length 0 has no angle
        cosine = np.clip(across / np.sqrt(within_x * within_y), -1, 1)
    return UStatistics(
        cone_video=(within_x - own_x) / distinct,
        cone_text=(within_y - own_y) / distinct,
        mismatched=(across - own_xy) / distinct,
        squared_gap=(between - own_r) / distinct,
        gap=np.sqrt(between) / total,
        angle=np.degrees(np.arccos(cosine)),
    )


def cluster_sums(rows: FloatArray, clusters: Labels, *, count: int) -> FloatArray:
    """Sums (C, K) of the rows (N, K) of each cluster."""
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, clusters, rows)
    return sums


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Dot products (N,) of the rows of two arrays (N, D)."""
    return np.asarray(np.einsum("nd,nd->n", a, b))

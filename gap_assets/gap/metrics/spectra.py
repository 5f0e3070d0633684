"""Shape of the clouds: covariance spectra, isotropy, Frechet distance, structure of the gap.

Everything comes from D x D matrices in float64, computed once. Spectra of fewer videos than a few
times D are biased (a sample of N spans at most N - 1 directions): compare them at equal N only.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gap_assets.gap.pairs import FloatArray, Pairs


class Spectrum(NamedTuple):
    """A covariance (D, D) by its eigenvalues (D,), descending, and its eigenvectors (D, D)."""

    values: FloatArray
    vectors: FloatArray


@dataclass(frozen=True)
class Shapes:
    """The gap vector (D,), covariances with N - 1, and the spectra of video, text and x - y."""

    gap: FloatArray
    covariance_text: FloatArray
    covariance_cross: FloatArray
    video: Spectrum
    text: Spectrum
    residual: Spectrum


def shapes(pairs: Pairs) -> Shapes:
    """Second moments of unit rows; negative rounding errors of eigenvalues become 0."""
    means = pairs.video.mean(axis=0), pairs.text.mean(axis=0)
    x, y = pairs.video - means[0], pairs.text - means[1]
    xx, yy, xy = (a.T @ b / (len(pairs) - 1) for a, b in ((x, x), (y, y), (x, y)))
    spectra = []
    for covariance in (xx, yy, xx + yy - xy - xy.T):
        values, vectors = np.linalg.eigh(covariance)
        spectra.append(Spectrum(np.maximum(values[::-1], 0), vectors[:, ::-1]))
    return Shapes(means[0] - means[1], yy, xy, *spectra)


def isotropy(eigenvalues: FloatArray) -> dict[str, float]:
    """How evenly a cloud spreads, from the eigenvalues l (D,), descending, of its covariance.

    Returns:
        participation_ratio: (sum l)^2 / sum l^2, how many directions share the variance;
        effective_rank: exponential of the entropy of l / sum l (Roy and Vetterli 2007, on
        eigenvalues); isoscore (Rudman et al. 2022): 1 isotropic, 0 one direction, blind to the
        mean; top_component_share; components_for_90_percent of the variance.
    """
    from scipy.stats import entropy

    d = len(eigenvalues)
    profile = eigenvalues * np.sqrt(d) / np.linalg.norm(eigenvalues)
    defect = np.linalg.norm(profile - 1) / np.sqrt(2 * (d - np.sqrt(d)))
    return {
        "participation_ratio": float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum()),
        "effective_rank": float(np.exp(entropy(eigenvalues))),
        "isoscore": float(((d - defect**2 * (d - np.sqrt(d))) ** 2 - d) / (d * (d - 1))),
        "top_component_share": float(eigenvalues[0] / eigenvalues.sum()),
        "components_for_90_percent": count_for_share(eigenvalues, 0.9),
    }


def count_for_share(descending: FloatArray, share: float) -> int:
    """How many of the largest terms reach this share of their sum."""
    return int(np.searchsorted(descending.cumsum() / descending.sum(), share) + 1)


def frechet(shape: Shapes) -> dict[str, float]:
    """The squared Frechet (Bures) distance of two normal clouds, and its two parts.

    |gap|^2, and tr(Sx + Sy - 2 (Sx^1/2 Sy Sx^1/2)^1/2), whose root is the distribution gap.
    """
    root = shape.video.vectors * np.sqrt(shape.video.values) @ shape.video.vectors.T
    cross = np.linalg.eigvalsh(root @ shape.covariance_text @ root)
    traces = shape.video.values.sum() + shape.text.values.sum()
    means, spread = shape.gap @ shape.gap, traces - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    return {
        "frechet_distance": float(means + spread),
        "frechet_mean_part": float(means),
        "frechet_shape_part": float(spread),
        "distribution_gap": float(np.sqrt(max(spread, 0))),
    }


def structure(shape: Shapes, pairs: Pairs) -> dict[str, float]:
    """Where the gap lives, how constant it is over pairs, and what remains beside it.

    Returns:
        gap_dimensions_50 / _90: coordinates that hold 50 / 90 % of |gap|^2 (not invariant to
        rotation); gap_variation: sd / mean of (x_i - y_i) along the gap; gap_consistency: mean
        cosine of x_i - y_i with the gap; gap_variance_share_video / _text: share of the variance
        that lies along the gap (1/D where unrelated); residual_anisotropy: l_max / mean l;
        residual_dimensions: participation ratio of the residual; linear_cka (Kornblith et al.
        2019); pair_contrast: d' of matched against mismatched cosines; subspace_overlap of the
        q leading directions and its value by chance, q/D, where q is 128 or fewer for small N or D.
    """
    gap, residual, cross = shape.gap, shape.residual.values, shape.covariance_cross
    length = np.linalg.norm(gap)
    axis = gap / length if length > 0 else gap
    differences = pairs.video - pairs.text
    along = differences @ axis
    q = max(1, min(128, len(gap) // 4, (len(pairs) - 1) // 2))
    overlap = shape.video.vectors[:, :q].T @ shape.text.vectors[:, :q]
    by_size = np.sort(gap**2)[::-1]
    norms = [np.linalg.norm(cloud.values) for cloud in (shape.video, shape.text)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "gap_dimensions_50": count_for_share(by_size, 0.5),
            "gap_dimensions_90": count_for_share(by_size, 0.9),
            "gap_variation": along.std(ddof=1) / along.mean(),
            "gap_consistency": (along / np.linalg.norm(differences, axis=1)).mean(),
            "gap_variance_share_video": np.var(pairs.video @ axis, ddof=1)
            / shape.video.values.sum(),
            "gap_variance_share_text": np.var(pairs.text @ axis, ddof=1) / shape.text.values.sum(),
            "residual_anisotropy": residual[0] / residual.mean(),
            "residual_dimensions": residual.sum() ** 2 / (residual**2).sum(),
            "subspace_overlap": (overlap**2).sum() / q,
            "linear_cka": (cross**2).sum() / norms[0] / norms[1],
            "pair_contrast": _pair_contrast(pairs),
            "subspace_overlap_chance": q / len(gap),
        }
    return {name: float(value) for name, value in found.items()}


def _pair_contrast(pairs: Pairs) -> float:
    """(mean matched - mean mismatched) / root mean variance; |X Y^T|^2 is (X^T X) . (Y^T Y)."""
    x, y = pairs.video, pairs.text
    paired, mismatches = np.vecdot(x, y), len(pairs) * (len(pairs) - 1)
    mean = (x.sum(axis=0) @ y.sum(axis=0) - paired.sum()) / mismatches
    square = (np.vdot(x.T @ x, y.T @ y) - paired @ paired) / mismatches
    spread = np.sqrt((paired.var(ddof=1) + max(square - mean**2, 0)) / 2)
    return float((paired.mean() - mean) / spread)

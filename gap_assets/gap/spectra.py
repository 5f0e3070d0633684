"""Shape of the clouds: covariance spectra, isotropy, Frechet distance, structure of the gap.

Everything comes from D x D matrices in float64, computed once. Spectra of fewer videos than a few
times D are biased (a sample of N spans at most N - 1 directions): compare them at equal N only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gap_assets.gap.inputs import FloatArray, Pairs


@dataclass(frozen=True)
class Spectrum:
    """A covariance by its eigenvalues (D,), descending, and its eigenvectors (D, D)."""

    values: FloatArray
    vectors: FloatArray

    @property
    def participation_ratio(self) -> float:
        """(sum l)^2 / sum l^2: how many directions share the variance."""
        return float(self.values.sum() ** 2 / (self.values**2).sum())

    @property
    def effective_rank(self) -> float:
        """Exponential of the entropy of l / sum l (Roy and Vetterli 2007, on eigenvalues)."""
        shares = self.values[self.values > 0] / self.values.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))

    @property
    def isoscore(self) -> float:
        """IsoScore (Rudman et al. 2022): 1 isotropic, 0 one direction; blind to the mean."""
        d = len(self.values)
        profile = self.values * np.sqrt(d) / np.linalg.norm(self.values)
        defect = np.linalg.norm(profile - 1) / np.sqrt(2 * (d - np.sqrt(d)))
        return float(((d - defect**2 * (d - np.sqrt(d))) ** 2 - d) / (d * (d - 1)))

    @property
    def top_share(self) -> float:
        """Share of the first direction."""
        return float(self.values[0] / self.values.sum())

    def components_for(self, share: float) -> int:
        """Number of leading directions that hold this share of the sum."""
        return count_for_share(self.values, share)


def spectrum(matrix: FloatArray) -> Spectrum:
    """Eigen-decomposition of a covariance (D, D); negative rounding errors become 0."""
    values, vectors = np.linalg.eigh(matrix)
    return Spectrum(np.maximum(values[::-1], 0), vectors[:, ::-1])


def count_for_share(descending: FloatArray, share: float) -> int:
    """How many of the largest terms reach this share of their sum."""
    return int(np.searchsorted(descending.cumsum() / descending.sum(), share) + 1)


@dataclass(frozen=True)
class Shapes:
    """First and second moments of paired clouds, and their spectra (covariances with N - 1)."""

    n: int
    gap: FloatArray
    covariance_video: FloatArray
    covariance_text: FloatArray
    covariance_cross: FloatArray
    video: Spectrum
    text: Spectrum
    residual: Spectrum
    mean_video: FloatArray
    mean_text: FloatArray


def shapes(pairs: Pairs) -> Shapes:
    """Means, covariances and spectra of unit rows, including that of the residual x - y."""
    mean_x, mean_y = pairs.video.mean(axis=0), pairs.text.mean(axis=0)
    x, y = pairs.video - mean_x, pairs.text - mean_y
    scale = len(pairs) - 1
    xx, yy, xy = x.T @ x / scale, y.T @ y / scale, x.T @ y / scale
    return Shapes(
        n=len(pairs),
        gap=mean_x - mean_y,
        covariance_video=xx,
        covariance_text=yy,
        covariance_cross=xy,
        video=spectrum(xx),
        text=spectrum(yy),
        residual=spectrum(xx + yy - xy - xy.T),
        mean_video=mean_x,
        mean_text=mean_y,
    )


def frechet_parts(shape: Shapes) -> tuple[float, float]:
    """Squared distance of the means, and what the covariances add (Frechet, or Bures).

    |gap|^2 and tr(Sx + Sy - 2 (Sx^1/2 Sy Sx^1/2)^1/2).
    """
    root = shape.video.vectors * np.sqrt(shape.video.values) @ shape.video.vectors.T
    cross = np.linalg.eigvalsh(root @ shape.covariance_text @ root)
    traces = shape.video.values.sum() + shape.text.values.sum()
    return float(shape.gap @ shape.gap), float(traces - 2 * np.sqrt(np.maximum(cross, 0)).sum())


def subspace_dimensions(shape: Shapes) -> int:
    """Leading directions compared by `subspace_overlap`: 128, or fewer for small N or D."""
    return max(1, min(128, len(shape.gap) // 4, (shape.n - 1) // 2))


def structure(shape: Shapes, pairs: Pairs) -> dict[str, float]:
    """Where the gap lives, how constant it is over pairs, and what remains beside it.

    Returns:
        gap_dimensions_50 / _90: coordinates that hold 50 / 90 % of |gap|^2 (not invariant to
        rotation); gap_variation: sd / mean of (x_i - y_i) along the gap; gap_consistency: mean
        cosine of x_i - y_i with the gap; gap_variance_share_video / _text: share of the variance
        that lies along the gap (1/D where unrelated); residual_anisotropy: l_max / mean l;
        residual_dimensions: participation ratio of the residual; subspace_overlap (q/D by
        chance); linear_cka (Kornblith et al. 2019); pair_contrast: d' of matched against
        mismatched cosines.
    """
    length = np.linalg.norm(shape.gap)
    axis = shape.gap / length if length > 0 else shape.gap
    differences = pairs.video - pairs.text
    along = differences @ axis
    lengths = np.linalg.norm(differences, axis=1)
    q = subspace_dimensions(shape)
    overlap = shape.video.vectors[:, :q].T @ shape.text.vectors[:, :q]
    by_size = np.sort(shape.gap**2)[::-1]
    paired = np.einsum("nd,nd->n", pairs.video, pairs.text)
    cross = shape.covariance_cross
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "gap_dimensions_50": count_for_share(by_size, 0.5),
            "gap_dimensions_90": count_for_share(by_size, 0.9),
            "gap_variation": float(along.std(ddof=1) / along.mean()),
            "gap_consistency": float((along / lengths).mean()),
            "gap_variance_share_video": _share_along(shape.covariance_video, axis),
            "gap_variance_share_text": _share_along(shape.covariance_text, axis),
            "residual_anisotropy": float(shape.residual.values[0] / shape.residual.values.mean()),
            "residual_dimensions": shape.residual.participation_ratio,
            "subspace_overlap": float((overlap**2).sum() / q),
            "linear_cka": float(
                (cross**2).sum()
                / np.linalg.norm(shape.covariance_video)
                / np.linalg.norm(shape.covariance_text)
            ),
            "pair_contrast": _pair_contrast(shape, paired),
        }


def _share_along(covariance: FloatArray, axis: FloatArray) -> float:
    return float(axis @ covariance @ axis / np.trace(covariance))


def _pair_contrast(shape: Shapes, paired: FloatArray) -> float:
    """(mean matched - mean mismatched) / root mean variance, from second moments alone."""
    n = shape.n
    scale = (n - 1) / n
    second_x = shape.covariance_video * scale + np.outer(shape.mean_video, shape.mean_video)
    second_y = shape.covariance_text * scale + np.outer(shape.mean_text, shape.mean_text)
    pairs_of_rows = n * (n - 1)
    mean = (n * n * (shape.mean_video @ shape.mean_text) - paired.sum()) / pairs_of_rows
    square = (n * n * (second_x * second_y).sum() - (paired**2).sum()) / pairs_of_rows
    spread = np.sqrt((paired.var(ddof=1) + max(square - mean**2, 0)) / 2)
    return float((paired.mean() - mean) / spread)

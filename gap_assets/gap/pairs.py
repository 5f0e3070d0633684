"""Paired embeddings as the metrics want them: checked, unit rows, float64.

Every array that enters this package passes here once. What is wrong with it is said here, in one
sentence; what is merely remarkable (duplicates, a constant modality) becomes a warning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
Labels = NDArray[np.intp]
"""(N,) a number for each row, from 0: its cluster."""

MIN_PAIRS = 3


class GapInputError(ValueError):
    """The embeddings cannot be measured; `str(error)` says why in one sentence."""


@dataclass(frozen=True)
class Pairs:
    """Row i of `video` and row i of `text` belong to the same video.

    Attributes:
        video: (N, D) float64, unit rows.
        text: (N, D) float64, unit rows.
        warnings: What a reader of the numbers has to know about the data, one sentence each.
    """

    video: FloatArray
    text: FloatArray
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.video)

    def take(self, rows: NDArray[np.intp]) -> "Pairs":
        """The pairs of the given rows, in that order."""
        return Pairs(self.video[rows], self.text[rows], self.warnings)


def unit_rows(embeddings: AnyFloats) -> FloatArray:
    """Rows of (N, D) scaled to length 1, in float64."""
    rows = np.asarray(embeddings, dtype=np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def evenly_spaced(n: int, most: int) -> NDArray[np.intp]:
    """At most so many of n indices, evenly spaced."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.intp)


def middles(count: int, of: int) -> list[int]:
    """Positions of `count` things among `of` in a row, each in the middle of its share; or all."""
    count = min(count, of)
    return [(2 * i + 1) * of // (2 * count) for i in range(count)]


def duplicate_share(embeddings: AnyFloats) -> float:
    """Share of rows that repeat an earlier row to five decimals."""
    distinct = {row.tobytes() for row in np.round(embeddings, 5) + 0.0}
    return 1 - len(distinct) / len(embeddings)


def check_pairs(video: AnyFloats, text: AnyFloats) -> Pairs:
    """Checks two arrays of paired embeddings and scales their rows to length 1.

    Args:
        video: (N, D) one row per video.
        text: (N, D) the text of the same video in the same row.

    Raises:
        GapInputError: Not two-dimensional, not numbers, different shapes, fewer than three pairs,
            NaN or infinite values, or rows of zeros.
    """
    video, text = _as_array("video", video), _as_array("text", text)
    check_rows("video", video)
    check_rows("text", text)
    if len(video) != len(text):
        raise GapInputError(
            f"{len(video)} video rows and {len(text)} text rows: row i of both arrays must belong "
            "to the same video, so the lengths must be equal."
        )
    if video.shape[1] != text.shape[1]:
        raise GapInputError(
            f"Video rows have {video.shape[1]} dimensions and text rows {text.shape[1]}: a gap "
            "exists only within one shared space."
        )
    if len(video) < MIN_PAIRS:
        raise GapInputError(
            f"{len(video)} pairs are too few: the metrics need at least {MIN_PAIRS}."
        )
    video, text = unit_rows(video), unit_rows(text)
    return Pairs(video, text, (*_remarks("video", video), *_remarks("text", text)))


def _as_array(name: str, rows: AnyFloats) -> AnyFloats:
    try:
        return np.asarray(rows)  # Tensors and lists of lists, too.
    except ValueError:
        raise GapInputError(f"{name} rows have different lengths; they must be (N, D).") from None


def check_rows(name: str, rows: AnyFloats) -> None:
    """Checks that rows (N, D) are embeddings: numbers, finite, and none of zeros.

    Raises:
        GapInputError: They are not; the message begins with the name.
    """
    if rows.ndim != 2:
        raise GapInputError(f"{name} has shape {rows.shape}; it must be (pairs, dimensions).")
    if rows.dtype.kind != "f":
        raise GapInputError(f"{name} holds {rows.dtype}; embeddings are floating-point numbers.")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise GapInputError(
            f"{name} has NaN or infinite values in {len(bad)} of {len(rows)} rows (first: row "
            f"{bad[0]}); leave those pairs out of both arrays."
        )
    zero = np.flatnonzero(~rows.any(axis=1))
    if len(zero):
        raise GapInputError(
            f"{name} has {len(zero)} rows of zeros (first: row {zero[0]}), which have no "
            "direction; leave those pairs out of both arrays."
        )


def _remarks(name: str, rows: FloatArray) -> Iterator[str]:
    if np.ptp(rows, axis=0).max() < 1e-5:
        yield (
            f"All {name} embeddings are the same vector: its cone is 1 by construction, and "
            "spectra and retrieval mean nothing."
        )
    elif (share := duplicate_share(rows)) > 0:
        yield (
            f"{share:.1%} of the {name} embeddings repeat another one: this raises the {name} "
            "cone, and ties in retrieval are broken at random."
        )

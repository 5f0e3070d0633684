"""What needs every pair of rows: one pass of queries against a gallery, in blocks.

A pass computes a block of cosines once and takes everything from it: histogram, ranks, nearest
neighbours, hubs and kernel means. Memory is a few blocks, whatever N is; products are float32,
sums float64. Four passes (each modality against itself and against the other) serve all of
retrieval, mixing, uniformity and MMD.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.inputs import FloatArray, Pairs

BLOCK_CELLS = 1 << 22  # cosines per block: 16 MiB of float32 and some 60 MiB of intermediates
BIN_WIDTH = 0.001
BINS = round(2 / BIN_WIDTH)
TIE = 1e-6  # cosines closer than float32 can tell apart
BANDWIDTH_SAMPLE = 1000


@dataclass(frozen=True)
class Comparison:
    """What one pass of N queries against the N rows of a gallery leaves behind.

    Attributes:
        histogram: (2000,) number of cosines of i != j per 0.001 from -1 to 1.
        lowest: Smallest cosine of i != j.
        highest: Largest cosine of i != j.
        closer: (N,) number of rows j != i closer to query i than its partner; a tie counts half.
        nearest: (N, k) largest cosines, descending. The partner takes part, the query itself not.
        occurrences: (N,) number of queries that have this row among their k nearest.
        kernels: (number of widths, N) mean over j != i of exp(-width * squared distance).
    """

    histogram: NDArray[np.int64]
    lowest: float
    highest: float
    closer: FloatArray
    nearest: FloatArray
    occurrences: NDArray[np.int64]
    kernels: FloatArray

    def quantile(self, q: float) -> float:
        """Quantile of the cosines to within half a bin (0.0005)."""
        reached = np.searchsorted(self.histogram.cumsum(), q * self.histogram.sum())
        return float(-1 + (reached + 0.5) * BIN_WIDTH)


@dataclass(frozen=True)
class Comparisons:
    """The four passes over one set of pairs, and the kernel widths that they used."""

    video: Comparison
    text: Comparison
    video_to_text: Comparison
    text_to_video: Comparison
    paired: FloatArray
    widths: tuple[float, ...]


def compare_all(
    pairs: Pairs, *, neighbours: int = 10, block_rows: int | None = None
) -> Comparisons:
    """Runs the four passes.

    Kernel widths: 2 for uniformity (Wang and Isola 2020), and 1 / median squared distance for MMD
    (`median_squared_distance`).

    Args:
        pairs: N checked pairs.
        neighbours: k of the nearest-neighbour lists, at most N - 1.
        block_rows: Queries per block; by default as many as make four million cosines.
    """
    paired = np.einsum("nd,nd->n", pairs.video, pairs.text)
    video, text = pairs.video.astype(np.float32), pairs.text.astype(np.float32)
    widths = (2.0, 1 / median_squared_distance(pairs))
    k = min(neighbours, len(pairs) - 1)
    rows = block_rows or max(1, BLOCK_CELLS // len(pairs))

    def against(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> Comparison:
        return compare(queries, gallery, paired=paired, k=k, widths=widths, block_rows=rows)

    return Comparisons(
        video=against(video, video),
        text=against(text, text),
        video_to_text=against(video, text),
        text_to_video=against(text, video),
        paired=paired,
        widths=widths,
    )


def median_squared_distance(pairs: Pairs) -> float:
    """The median heuristic over all rows of both modalities, on at most 1,000 pairs, evenly spaced.

    At least 1e-3: below it float32 cosines carry no distance.
    """
    chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), BANDWIDTH_SAMPLE)).astype(np.intp)
    rows = np.concatenate([pairs.video[chosen], pairs.text[chosen]])
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return float(max(np.median(2 - 2 * cosines), 1e-3))


def compare(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    *,
    paired: FloatArray,
    k: int,
    widths: tuple[float, ...],
    block_rows: int,
) -> Comparison:
    """One pass; `gallery is queries` compares a modality with itself.

    Args:
        queries: (N, D) unit rows.
        gallery: (N, D) unit rows.
        paired: (N,) cosine of each query with its partner in the other modality.
        k: Length of the nearest-neighbour lists.
        widths: Kernel widths.
        block_rows: Queries per block.
    """
    n = len(queries)
    histogram = np.zeros(BINS, dtype=np.int64)
    occurrences = np.zeros(n, dtype=np.int64)
    closer, nearest = np.empty(n), np.empty((n, k))
    kernels = np.empty((len(widths), n))
    lowest, highest = np.inf, -np.inf
    for start in range(0, n, block_rows):
        rows = slice(start, min(start + block_rows, n))
        local = np.arange(rows.stop - start)
        diagonal = (local, local + start)
        cosines = queries[rows] @ gallery.T

        indices = ((cosines + np.float32(1)) * np.float32(1 / BIN_WIDTH)).astype(np.intp)
        np.clip(indices, 0, BINS - 1, out=indices)
        histogram += np.bincount(indices.ravel(), minlength=BINS)
        histogram -= np.bincount(indices[diagonal], minlength=BINS)
        for index, width in enumerate(widths):
            kernel = np.exp((cosines - np.float32(1)) * np.float32(2 * width))
            total = kernel.sum(axis=1, dtype=np.float64) - kernel[diagonal]
            kernels[index, rows] = total / (n - 1)

        own = cosines[diagonal]
        cosines[diagonal] = np.inf
        lowest = min(lowest, float(cosines.min()))
        cosines[diagonal] = -np.inf
        highest = max(highest, float(cosines.max()))
        partner = paired[rows, None].astype(np.float32)
        above = (cosines > partner + TIE).sum(axis=1) + (cosines >= partner - TIE).sum(axis=1)
        closer[rows] = above / 2

        if gallery is not queries:
            cosines[diagonal] = own
        top = np.argpartition(cosines, n - k, axis=1)[:, n - k :]
        occurrences += np.bincount(top.ravel(), minlength=n)
        nearest[rows] = -np.sort(-np.take_along_axis(cosines, top, axis=1), axis=1)
    return Comparison(histogram, lowest, highest, closer, nearest, occurrences, kernels)


def same_modality_share(own: Comparison, other: Comparison) -> FloatArray:
    """(N,) share of a row's k nearest among all 2N - 1 others that are of its own modality.

    Without any gap the share is (N - 1) / (2N - 1). It saturates at 1 long before the gap is as
    large as CLIP's: it says that a gap exists, not how large it is.
    """
    k = own.nearest.shape[1]
    both = np.concatenate([own.nearest, other.nearest], axis=1)
    closest = np.argsort(-both, axis=1, kind="stable")[:, :k]
    return np.asarray((closest < k).mean(axis=1))


def uniformity(comparison: Comparison) -> FloatArray:
    """(N,) per-row means of exp(-2 squared distance); the metric is the log of their mean."""
    return np.asarray(comparison.kernels[0])


def mmd_terms(comparisons: Comparisons) -> FloatArray:
    """(N,) per-video terms whose mean is the unbiased MMD^2 (Gretton et al. 2012, RBF kernel).

    Within a modality i != j; across, all N^2 cosines, so that the value does not depend on who is
    paired with whom.
    """
    n = len(comparisons.paired)
    pair = np.exp(-comparisons.widths[1] * (2 - 2 * comparisons.paired))
    across = comparisons.video_to_text.kernels[1] + comparisons.text_to_video.kernels[1]
    within = comparisons.video.kernels[1] + comparisons.text.kernels[1]
    return np.asarray(within - (across * (n - 1) + 2 * pair) / n)


def hubness(occurrences: NDArray[np.int64]) -> dict[str, float]:
    """Shape of the k-occurrences (N,): skewness, share never retrieved, Robin Hood index.

    Radovanovic et al. 2010; Robin Hood is the share of list places that would have to move for
    every row to occur equally often. 0, 0 and 0 mean no hubs.
    """
    counts = occurrences.astype(np.float64)
    mean, deviation = counts.mean(), counts.std()
    skewness = ((counts - mean) ** 3).mean() / deviation**3 if deviation > 0 else 0.0
    return {
        "hubness_skewness": float(skewness),
        "anti_hub_share": float((counts == 0).mean()),
        "robin_hood": float(np.abs(counts - mean).sum() / (2 * counts.sum())),
    }


def recall_in_galleries(
    queries: FloatArray, gallery: FloatArray, *, size: int = 1000, draws: int = 20, seed: int = 0
) -> float:
    """Recall at 1 in random galleries of a fixed size, comparable across data sets.

    Args:
        queries: (N, D) unit rows, N > size.
        gallery: (N, D) unit rows; row i is the match of query i.
        size: Rows per gallery.
        draws: Galleries, averaged.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(draws):
        chosen = rng.choice(len(queries), size=size, replace=False)
        cosines = queries[chosen].astype(np.float32) @ gallery[chosen].astype(np.float32).T
        best_other = cosines + np.diag(np.full(size, -np.inf, dtype=np.float32))
        hits.append((np.diag(cosines) > best_other.max(axis=1) + TIE).mean())
    return float(np.mean(hits))

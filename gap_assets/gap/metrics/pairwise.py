"""What needs every pair of rows: one pass of queries against a gallery, in blocks.

A pass takes everything from a block of cosines at once: histogram, ranks, nearest neighbours, hubs
and kernel means. Memory is a few blocks, whatever N is; products are float32, sums float64.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.metrics.retrieval import TIE, Neighbours, closer_and_tied, middle_rank
from gap_assets.gap.pairs import FloatArray, Pairs, evenly_spaced

BLOCK_CELLS = 1 << 22  # cosines per block: 16 MiB of float32 and some 60 MiB of intermediates
BIN_WIDTH = 0.001
BINS = round(2 / BIN_WIDTH)
NEIGHBOURS = 10
BANDWIDTH_SAMPLE = 1000


@dataclass(frozen=True)
class Comparison:
    """What one pass of N queries against the N rows of a gallery leaves behind."""

    histogram: NDArray[np.int64]  # (2000,) number of cosines of i != j per 0.001 from -1 to 1
    lowest: float  # smallest cosine of all
    closer: NDArray[np.int64]  # (N,) rows j != i closer to query i than its partner
    tied: NDArray[np.int64]  # (N,) rows j != i as close as its partner
    nearest: FloatArray  # (N, k) largest cosines, descending; of the partner too, not of itself
    neighbours: NDArray[np.intp]  # (N, k) the rows they are of; ties at random
    occurrences: NDArray[np.int64]  # (N,) queries that have this row among their k nearest
    kernels: FloatArray  # (widths, N) mean over j != i of exp(-width * squared distance)

    def quantile(self, q: float) -> float:
        """Quantile of the cosines to within half a bin (0.0005)."""
        reached = np.searchsorted(self.histogram.cumsum(), q * self.histogram.sum())
        return float(-1 + (reached + 0.5) * BIN_WIDTH)


@dataclass(frozen=True)
class Comparisons:
    """The four passes over one set of pairs, and what follows from two of them together.

    Kernels have two widths: 2 for uniformity (Wang and Isola 2020), 1 / median squared distance for
    MMD.
    """

    video: Comparison
    text: Comparison
    video_to_text: Comparison
    text_to_video: Comparison
    paired: FloatArray  # (N,) cosine of each video with its own text
    widths: tuple[float, float]

    @property
    def directions(self) -> dict[str, Comparison]:
        """The two ways of retrieval by name."""
        return {"video_to_text": self.video_to_text, "text_to_video": self.text_to_video}

    @property
    def by_query(self) -> dict[str, tuple[Comparison, Comparison]]:
        """The passes of each modality's queries: against itself, against the other one."""
        return {
            "video": (self.video, self.video_to_text),
            "text": (self.text, self.text_to_video),
        }

    @property
    def mixed_ranks(self) -> dict[str, FloatArray]:
        """(N,) rank of each row's partner among all 2N - 1 others, by the query's modality.

        Ranks of ties are averaged.
        """
        return {
            name: middle_rank(own.closer + other.closer, own.tied + other.tied)
            for name, (own, other) in self.by_query.items()
        }

    def nearest_of_all(self) -> Neighbours:
        """The k nearest among all 2N - 1 others of each row, videos first; ties at random."""
        k, rng = self.video.nearest.shape[1], np.random.default_rng(0)
        rows, same = [], []
        for own, other in self.by_query.values():
            both = np.concatenate([own.nearest, other.nearest], axis=1)
            closest = np.lexsort((rng.random(both.shape), -both), axis=1)[:, :k]
            indices = np.concatenate([own.neighbours, other.neighbours], axis=1)
            rows.append(np.take_along_axis(indices, closest, axis=1))
            same.append(closest < k)
        return Neighbours(np.stack(rows), np.stack(same))

    def mmd_terms(self) -> FloatArray:
        """(N,) per-video terms whose mean is the unbiased MMD^2 with an RBF kernel.

        i != j everywhere (Gretton et al. 2012, equation 4): a video's own text is no independent
        draw, and would make two equal distributions look closer than equal.
        """
        across = self.video_to_text.kernels[1] + self.text_to_video.kernels[1]
        within = self.video.kernels[1] + self.text.kernels[1]
        return np.asarray(within - across)


def compare_all(pairs: Pairs) -> Comparisons:
    """Runs the four passes, for nearest-neighbour lists of 10 (N - 1 where that is less)."""
    paired = np.vecdot(pairs.video, pairs.text)
    rng = np.random.default_rng(0)
    video, text = pairs.video.astype(np.float32), pairs.text.astype(np.float32)
    widths = (2.0, 1 / median_squared_distance(pairs))
    compare = partial(_compare, paired=paired, widths=widths, rng=rng)
    return Comparisons(
        video=compare(video, video),
        text=compare(text, text),
        video_to_text=compare(video, text),
        text_to_video=compare(text, video),
        paired=paired,
        widths=widths,
    )


def median_squared_distance(pairs: Pairs) -> float:
    """The median heuristic over all rows of both modalities, on at most 1,000 pairs, evenly spaced.

    At least 1e-3: below it float32 cosines carry no distance.
    """
    chosen = evenly_spaced(len(pairs), BANDWIDTH_SAMPLE)
    rows = np.concatenate([pairs.video[chosen], pairs.text[chosen]])
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return float(max(np.median(2 - 2 * cosines), 1e-3))


def _compare(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    *,
    paired: FloatArray,
    widths: tuple[float, ...],
    rng: np.random.Generator,
) -> Comparison:
    """One pass over unit rows (N, D); `gallery is queries` compares a modality with itself."""
    n = len(queries)
    k, block_rows = min(NEIGHBOURS, n - 1), max(1, BLOCK_CELLS // n)
    histogram = np.zeros(BINS, dtype=np.int64)
    occurrences = np.zeros(n, dtype=np.int64)
    closer, tied = np.empty((2, n), dtype=np.int64)
    nearest, neighbours = np.empty((n, k)), np.empty((n, k), dtype=np.intp)
    kernels = np.empty((len(widths), n))
    lowest = np.inf
    for start in range(0, n, block_rows):
        rows = slice(start, start + block_rows)
        cosines = queries[rows] @ gallery.T
        lowest = min(lowest, float(cosines.min()))
        local = np.arange(len(cosines))
        diagonal = (local, local + start)
        own = cosines[diagonal]
        cosines[diagonal] = -np.inf  # i = j: in the lowest bin, kernel 0, never closer

        bins = np.clip((cosines + 1) * (1 / BIN_WIDTH), 0, BINS - 1).astype(np.intp)
        histogram += np.bincount(bins.ravel(), minlength=BINS)
        histogram[0] -= len(cosines)
        for index, width in enumerate(widths):
            kernel = np.exp((cosines - 1) * (2 * width))
            kernels[index, rows] = kernel.sum(axis=1, dtype=np.float64) / (n - 1)
        partner = paired[rows, None].astype(np.float32)
        closer[rows], tied[rows] = closer_and_tied(cosines, partner)

        if gallery is not queries:
            cosines[diagonal] = own
        # Of equals any may be the neighbour; without this it would be the last in the order.
        cosines += rng.random(cosines.shape, dtype=np.float32) * np.float32(TIE)
        top = np.argpartition(cosines, n - k, axis=1)[:, n - k :]
        occurrences += np.bincount(top.ravel(), minlength=n)
        found = np.take_along_axis(cosines, top, axis=1)
        order = np.argsort(-found, axis=1)
        nearest[rows] = np.take_along_axis(found, order, axis=1)
        neighbours[rows] = np.take_along_axis(top, order, axis=1)
    return Comparison(histogram, lowest, closer, tied, nearest, neighbours, occurrences, kernels)

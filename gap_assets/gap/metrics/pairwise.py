"""What needs every pair of rows: one pass of queries against a gallery, in blocks.

A pass takes everything from a block of cosines at once: histogram, ranks, nearest neighbours, hubs
and kernel means. Memory is a few blocks, whatever N is; products are float32, sums float64.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.pairs import FloatArray, Pairs, evenly_spaced

BLOCK_CELLS = 1 << 22  # cosines per block: 16 MiB of float32 and some 60 MiB of intermediates
BIN_WIDTH = 0.001
BINS = round(2 / BIN_WIDTH)
NEIGHBOURS = 10
TIE = 1e-6  # cosines closer than float32 can tell apart
BANDWIDTH_SAMPLE = 1000
GALLERY, GALLERY_DRAWS = 1000, 20


@dataclass(frozen=True)
class Comparison:
    """What one pass of N queries against the N rows of a gallery leaves behind."""

    histogram: NDArray[np.int64]  # (2000,) number of cosines of i != j per 0.001 from -1 to 1
    lowest: float  # smallest cosine of all
    closer: FloatArray  # (N,) rows j != i closer to query i than its partner; a tie counts half
    nearest: FloatArray  # (N, k) largest cosines, descending; of the partner too, not of itself
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
        """(N,) rank of each row's partner among all 2N - 1 others, by the query's modality."""
        return {name: own.closer + other.closer + 1 for name, (own, other) in self.by_query.items()}

    def same_modality_share(self) -> FloatArray:
        """(N,) share of the k nearest among all 2N - 1 others that are of the own modality.

        The mean of the video's share and the text's. Without any gap it is (N - 1) / (2N - 1). It
        saturates at 1 long before the gap is as large as CLIP's: it says that a gap exists, not
        how large it is.
        """
        k = self.video.nearest.shape[1]
        shares = []
        for own, other in self.by_query.values():
            both = np.concatenate([own.nearest, other.nearest], axis=1)
            closest = np.argsort(-both, axis=1, kind="stable")[:, :k]
            shares.append((closest < k).mean(axis=1))
        return np.asarray(sum(shares) / 2)

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
    video, text = pairs.video.astype(np.float32), pairs.text.astype(np.float32)
    widths = (2.0, 1 / median_squared_distance(pairs))
    compare = partial(_compare, paired=paired, widths=widths)
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
) -> Comparison:
    """One pass over unit rows (N, D); `gallery is queries` compares a modality with itself."""
    n = len(queries)
    k, block_rows = min(NEIGHBOURS, n - 1), max(1, BLOCK_CELLS // n)
    histogram = np.zeros(BINS, dtype=np.int64)
    occurrences = np.zeros(n, dtype=np.int64)
    closer, nearest = np.empty(n), np.empty((n, k))
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
        above = (cosines > partner + TIE).sum(axis=1) + (cosines >= partner - TIE).sum(axis=1)
        closer[rows] = above / 2

        if gallery is not queries:
            cosines[diagonal] = own
        top = np.argpartition(cosines, n - k, axis=1)[:, n - k :]
        occurrences += np.bincount(top.ravel(), minlength=n)
        nearest[rows] = -np.sort(-np.take_along_axis(cosines, top, axis=1), axis=1)
    return Comparison(histogram, lowest, closer, nearest, occurrences, kernels)


def hubness(occurrences: NDArray[np.int64]) -> dict[str, float]:
    """Shape of the k-occurrences (N,): skewness, share never retrieved, Robin Hood index.

    Radovanovic et al. 2010; Robin Hood is the share of list places that would have to move for
    every row to occur equally often. 0, 0 and 0 mean no hubs.
    """
    from scipy.stats import skew

    mean = occurrences.mean()
    return {
        "hubness_skewness": float(skew(occurrences)) if np.ptp(occurrences) else 0.0,
        "anti_hub_share": float((occurrences == 0).mean()),
        "robin_hood": float(np.abs(occurrences - mean).sum() / (2 * occurrences.sum())),
    }


def recall_in_galleries(queries: FloatArray, gallery: FloatArray, *, seed: int) -> float:
    """Recall at 1 in random galleries of 1,000, comparable across data sets; mean of 20 draws.

    NaN where there are not more rows than that.

    Args:
        queries: (N, D) unit rows.
        gallery: (N, D) unit rows; row i is the match of query i.
        seed: Of the draws.
    """
    if len(queries) <= GALLERY:
        return math.nan
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(GALLERY_DRAWS):
        chosen = rng.choice(len(queries), size=GALLERY, replace=False)
        cosines = queries[chosen].astype(np.float32) @ gallery[chosen].astype(np.float32).T
        own = cosines.diagonal().copy()
        np.fill_diagonal(cosines, -np.inf)
        hits.append((own > cosines.max(axis=1) + TIE).mean())
    return float(np.mean(hits))

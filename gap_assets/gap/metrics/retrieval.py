"""Ranks, neighbours and hubs: what is read off the passes over all pairs of rows.

Ties are broken at random in expectation: of t rows as close as the partner, each order is as
likely.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.metrics.resampling import (
    EXACT_UNITS,
    all_flips,
    exceeding_share,
    random_flips,
)
from gap_assets.gap.pairs import FloatArray, Labels

GALLERY, GALLERY_DRAWS = 1000, 20
TIE = 1e-6  # cosines closer than float32 can tell apart

Counts = NDArray[np.int64]


def closer_and_tied(
    cosines: NDArray[np.float32], own: NDArray[np.float32]
) -> tuple[Counts, Counts]:
    """How many of each query's cosines (N, M) are above that of its partner (N, 1), and as large.

    Those that do not compete, such as the partner's own, are -inf.
    """
    closer = (cosines > own + TIE).sum(axis=1)
    return closer, (cosines >= own - TIE).sum(axis=1) - closer


def middle_rank(closer: Counts, tied: Counts) -> FloatArray:
    """(N,) rank of the partner, ties counted half."""
    return np.asarray(closer + tied / 2 + 1)


def recall_at(k: int, closer: Counts, tied: Counts) -> FloatArray:
    """(N,) chance that the partner is among the k first."""
    return np.asarray(np.clip((k - closer) / (tied + 1), 0, 1))


def reciprocal_rank(closer: Counts, tied: Counts) -> FloatArray:
    """(N,) expected 1 / rank of the partner, from the harmonic numbers of the ranks it may have."""
    from scipy.special import digamma

    ranks = digamma(closer + tied + 2.0) - digamma(closer + 1.0)
    return np.asarray(ranks / (tied + 1))


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of each row of both modalities among all 2N - 1 others."""

    pairs: NDArray[np.intp]  # (2, N, k) the pair that a neighbour is of; queries are videos, texts
    same: NDArray[np.bool_]  # (2, N, k) whether it is of the query's own modality

    def share(self) -> float:
        """The share of the own modality.

        It saturates at 1 long before the gap is as large as CLIP's: it says that a gap exists, not
        how large it is.
        """
        return float(self.same.mean())

    def swapped_share(self, clusters: Labels | None = None) -> float:
        """The share to expect if labels were swapped within pairs, those of near-copies together.

        Neighbours of the own unit agree as they do: those of the own pair never. Others agree half
        of the time.
        """
        units = np.arange(self.pairs.shape[1]) if clusters is None else clusters
        own = units[self.pairs] == units[None, :, None]
        return float(np.where(own, self.same, 0.5).mean())


def mutual_share(video: NDArray[np.intp], text: NDArray[np.intp]) -> float:
    """Share of the neighbours (N, k) within one modality that are neighbours within the other.

    Mutual kNN (Huh et al. 2024, arXiv 2405.07987): whether both have the same neighbourhoods.
    """
    own = np.arange(len(video))[:, None]
    shared = (video[:, :, None] == text[:, None, :]) & (video != own)[:, :, None]
    return float(shared.any(axis=2).mean())


@dataclass(frozen=True)
class SwapTest:
    """The share of own-modality neighbours if the labels are swapped within pairs at random."""

    mean: float  # exact
    null: FloatArray  # (B,)
    p_value: float


def swap_test(
    found: Neighbours, *, permutations: int, seed: int, clusters: Labels | None = None
) -> SwapTest:
    """H0: the modality labels are exchangeable within pairs. Near-copies are swapped together.

    Swapping moves no row, so neighbours stay and labels change: with signs s, two rows of pairs i
    and j agree where s_i s_j is 1 for rows that agree as they are, -1 for others. That is a
    quadratic form, s A s. Neighbours of the own pair never agree, others do half of the time:
    chance is below (N - 1) / (2N - 1) where partners are close.
    """
    from scipy.sparse import coo_array

    _, n, k = found.pairs.shape
    units = np.arange(n) if clusters is None else clusters
    count = int(units.max()) + 1
    rows = np.broadcast_to(units[None, :, None], found.pairs.shape).ravel()
    agree = np.where(found.same, 1.0, -1.0).ravel()
    form = coo_array((agree, (rows, units[found.pairs].ravel())), shape=(count, count)).tocsr()
    exact = count <= EXACT_UNITS
    rng = np.random.default_rng(seed)
    signs = all_flips(count) if exact else random_flips(rng, permutations, count)
    null = 0.5 + np.einsum("bu,bu->b", signs, (form @ signs.T).T) / (4 * n * k)
    return SwapTest(
        found.swapped_share(clusters), null, exceeding_share(null, found.share(), exact=exact)
    )


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
        own = cosines.diagonal().copy()[:, None]
        np.fill_diagonal(cosines, -np.inf)
        hits.append(recall_at(1, *closer_and_tied(cosines, own)).mean())
    return float(np.mean(hits))

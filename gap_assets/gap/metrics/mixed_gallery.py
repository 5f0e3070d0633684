"""Search in a gallery of videos and texts: what a gap costs, as in GR-CLIP (arXiv 2507.19054).

Each video is in the gallery once, as itself or as one of its texts. A network with a gap ranks all
texts before any video, so that it finds less the more evenly the gallery is mixed.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.metrics.retrieval import TIE, closer_and_tied, middle_rank
from gap_assets.gap.metrics.separability import MIN_PAIRS_FOR_HALVES, halves
from gap_assets.gap.pairs import FloatArray

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the gallery that are videos
DEPTH = 10
JUDGED = 2000  # held-out videos at most


def mixed_gallery(
    queries: FloatArray, video: FloatArray, text: FloatArray, *, seed: int
) -> Mapping[str, float]:
    """NDCG@10 over the share of the gallery that are videos, raw and with the means subtracted.

    Means are of one half of the videos, ranks of the other. Empty for fewer than 8 videos.

    Args:
        queries: (N, D) unit rows: the text that is searched by.
        video: (N, D) unit rows.
        text: (N, D) unit rows: another text of the same video.
        seed: Of the halves, and of which videos are in the gallery as texts.
    """
    if len(queries) < MIN_PAIRS_FOR_HALVES:
        return {}
    fit, judge = halves(len(queries), seed=seed)
    judge = judge[:JUDGED]
    raw = np.stack([rows[judge] for rows in (queries, video, text)])
    means = np.stack([rows[fit].mean(axis=0) for rows in (queries, video, text)])
    centred = raw - means[:, None]
    centred /= np.maximum(np.linalg.norm(centred, axis=2, keepdims=True), TIE)
    order = np.random.default_rng(seed).permutation(len(judge))
    found: dict[str, float] = {}
    for share in SHARES:
        as_video = order < round(share * len(judge))
        found[f"mixed_ndcg_at_10_{share:g}"] = _ndcg(raw, as_video)
        found[f"mixed_ndcg_at_10_centred_{share:g}"] = _ndcg(centred, as_video)
    return found


def _ndcg(embeddings: FloatArray, as_video: NDArray[np.bool_]) -> float:
    """Mean of 1 / log2(1 + rank) of the own item, 0 beyond rank 10; ties count half.

    Args:
        embeddings: (3, N, D) queries, videos and texts.
        as_video: (N,) which of the gallery are videos.
    """
    queries, video, text = embeddings.astype(np.float32)
    cosines = queries @ np.where(as_video[:, None], video, text).T
    own = cosines.diagonal()[:, None].copy()
    np.fill_diagonal(cosines, -np.inf)
    ranks = middle_rank(*closer_and_tied(cosines, own))
    return float(np.where(ranks <= DEPTH, 1 / np.log2(1 + ranks), 0).mean())

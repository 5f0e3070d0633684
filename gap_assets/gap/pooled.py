"""Rows of the warehouse's `pooling_profile`: the gap by frames and captions, and by detail.

Two studies of the same videos, so that rows of a study can be compared: `grid` pools some frames
and some captions of each video, `detail` says more or less in a text of one length.
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import product

import numpy as np

from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.resampling import bootstrap_weights
from gap_assets.gap.metrics.spectra import isotropy
from gap_assets.gap.pairs import AnyFloats, Pairs, middles, unit_rows
from gap_assets.gap.scorecard import Metric, summarise

GRID, DETAIL = "grid", "detail"
LEVELS = (1, 2, 4, 8)
GRID_METRICS = ("centroid_gap_debiased", "cone_video", "cone_text", "paired_cosine")
DETAIL_METRICS = ("centroid_gap_debiased", "cone_text", "paired_cosine", "rmg")
RANK = "effective_rank_text"
UNIT = True


@dataclass(frozen=True)
class PooledRow:
    """One row of `pooling_profile`."""

    study: str
    frames: int
    texts: int
    unit: bool
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


def grid_rows(
    frames: AnyFloats, captions: AnyFloats, *, bootstraps: int, seed: int
) -> Iterator[PooledRow]:
    """Gap, cones and paired cosine of means of 1, 2, 4 and 8 frames and captions.

    Of fewer than all, those are taken that are evenly spread over the video; the caption of one
    frame is that of the middle one. With one of each it is the gap of frames and captions, the
    like-for-like number with that of pictures and captions in Liang et al. (2022).

    Args:
        frames: (N, L, D) unit embeddings of L frames of each of N videos, in order.
        captions: (N, L, D) unit embeddings of their captions.
        bootstraps: Resamples of the videos behind each interval.
        seed: Of the resampling.
    """
    n, most, _ = frames.shape
    weights = bootstrap_weights(n, bootstraps=bootstraps, seed=seed)
    levels = [level for level in LEVELS if level <= most]
    for f, c in product(levels, levels):
        means = (
            frames[:, middles(f, most)].mean(axis=1),
            captions[:, middles(c, most)].mean(axis=1),
        )
        for unit in (False, True):
            video, text = (unit_rows(mean) if unit else mean.astype(np.float64) for mean in means)
            replicates = closed_form(video, text, weights=weights)
            known = {name: replicates[name] for name in GRID_METRICS}
            for metric in summarise(known, n=n, units=n):
                yield PooledRow(GRID, f, c, unit, *astuple(metric))


def detail_rows(
    video: AnyFloats, texts: Mapping[int, AnyFloats], *, frames: int, bootstraps: int, seed: int
) -> Iterator[PooledRow]:
    """The gap as texts of one length say more: of 1, 2 ... different captions, repeated to fill it.

    Schrodi et al. (2025, arXiv 2404.07983) explain the gap by what texts leave out. The effective
    rank of the texts stands for how much they say.

    Args:
        video: (N, D) of the same videos.
        texts: How many different captions a text says, to (N, D).
        frames: That a video's embedding is the mean of, at most.
        bootstraps: Resamples of the videos behind each interval.
        seed: Of the resampling.
    """
    n = len(video)
    weights = bootstrap_weights(n, bootstraps=bootstraps, seed=seed)
    for said, rows in texts.items():
        pairs = Pairs(unit_rows(video), unit_rows(rows))
        replicates = closed_form(pairs.video, pairs.text, weights=weights)
        known = {name: replicates[name] for name in DETAIL_METRICS}
        centred = pairs.text - pairs.text.mean(axis=0)
        values = np.linalg.svd(centred, compute_uv=False) ** 2
        rank = isotropy(values)["effective_rank"]
        for metric in (*summarise(known, n=n, units=n), Metric(RANK, rank, None, None, n)):
            yield PooledRow(DETAIL, frames, said, UNIT, *astuple(metric))

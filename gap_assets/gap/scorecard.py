"""All metrics of one set of pairs as a flat list of named numbers with intervals.

The names are the same in JSON, in the warehouse's `gap_metrics` and in the report. A metric that
the data cannot give (recall at 10 among 8 videos, a spectrum of a constant modality) is left out,
never reported as a made-up number. An interval is given where a simulation shows that it covers
(`benchmarks/coverage.py`), and nowhere else.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gap_assets.gap.embedding_files import load_embeddings
from gap_assets.gap.metrics.copies import copies_count, near_copies
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.pairwise import Comparisons, compare_all
from gap_assets.gap.metrics.resampling import (
    bootstrap_weights,
    interval,
    sign_flip_test,
    split_half_gaps,
)
from gap_assets.gap.metrics.retrieval import (
    Neighbours,
    hubness,
    middle_rank,
    mutual_share,
    recall_at,
    recall_in_galleries,
    reciprocal_rank,
    swap_test,
)
from gap_assets.gap.metrics.separability import (
    MIN_PAIRS_FOR_HALVES,
    d_prime,
    modality_clusters,
    probe_scores,
)
from gap_assets.gap.metrics.spectra import frechet, isotropy, shapes, structure
from gap_assets.gap.pairs import (
    AnyFloats,
    FloatArray,
    Labels,
    Pairs,
    check_pairs,
    duplicate_share,
)

SPLIT_HALVES = 200
BIASED = {"centroid_gap", "centroid_angle_degrees"}
"""Resamples of these are biased as the value is, once more: their percentiles do not cover."""
AT_MOST_1 = {
    *("cone_video", "cone_text", "paired_cosine", "mismatched_cosine", "rmg", "mean_share"),
    *("temporal_icc", "caption_icc"),
}
"""What an interval that is widened for few videos would otherwise reach beyond."""


@dataclass(frozen=True)
class Metric:
    """A named number over n pairs, with a 95 % interval where there is one that covers."""

    name: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


def scorecard(
    video: AnyFloats,
    text: AnyFloats,
    *,
    seed: int = 0,
    bootstraps: int = 1000,
    permutations: int = 999,
    clusters: Labels | None = None,
) -> list[Metric]:
    """Every metric of N paired embeddings.

    What is a function of sums over videos has percentiles over bootstrapped videos, widened for
    few (`resampling.interval`). `centroid_gap` is biased upwards by about
    (2 - 2 paired cosine - gap^2) / (2 N gap), which no resampling sees: it has no interval, and
    `centroid_gap_debiased`, which is not biased, has one. Retrieval and neighbours have none: one
    text that is close to all videos changes most ranks, so that they vary with the gallery by far
    more than independent queries would. Near-copies among the videos are resampled and flipped
    together.

    Args:
        video: (N, D) rows of any length but 0.
        text: (N, D) row i is the text of video i.
        seed: Of the bootstrap, the permutations and the splits.
        bootstraps: Replicates; 0 leaves the intervals out.
        permutations: Sign flips; 0 leaves the tests out.
        clusters: The cluster of each video; by default its near-copies, which are looked for.

    Raises:
        GapInputError: See `check_pairs`.
    """
    pairs = check_pairs(video, text)
    clusters = near_copies(pairs) if clusters is None else clusters
    n, units, passes = len(pairs), int(clusters.max()) + 1, compare_all(pairs)
    scores = probe_scores(pairs, seed=seed) if n >= MIN_PAIRS_FOR_HALVES else None
    weights = bootstrap_weights(units, bootstraps=bootstraps, seed=seed)
    found = closed_form(pairs.video, pairs.text, weights=weights, clusters=clusters)
    if n >= MIN_PAIRS_FOR_HALVES:
        found["d_prime_gap"] = d_prime(pairs, weights=weights[:, clusters], seed=seed)
    singles = dict(_singles(pairs, passes, scores, seed))
    singles |= {"near_copies": copies_count(clusters), "independent_videos": units}
    singles |= _kernel_means(passes)
    neighbours = passes.nearest_of_all()
    singles["knn_same_modality"] = neighbours.share()
    if permutations:
        singles |= _tests(
            pairs, neighbours, permutations=permutations, seed=seed, clusters=clusters
        )
    return [
        *summarise(found, n=n, units=units),
        *summarise({name: np.array([value]) for name, value in singles.items()}, n=n, units=units),
    ]


def scorecard_of_files(video: Path | str, text: Path | str, *, seed: int = 0) -> list[Metric]:
    """The scorecard of two files of paired embeddings (N, D); see `load_embeddings`."""
    return scorecard(load_embeddings(video), load_embeddings(text), seed=seed)


def as_json(rows: list[Metric]) -> dict[str, dict[str, float | None]]:
    """`{name: {"value": ..., "ci_low": ..., "ci_high": ...}}`."""
    return {
        row.name: {"value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high} for row in rows
    }


def summarise(replicates: Mapping[str, FloatArray], *, n: int, units: int) -> list[Metric]:
    """Metrics from replicates (1 + B,): the value first, then its bootstrap; no NaN values.

    Args:
        replicates: By name.
        n: Videos.
        units: Clusters of videos that were resampled.
    """
    found = []
    for name, values in replicates.items():
        if math.isfinite(values[0]):
            resampled = values[1:] if name not in BIASED else values[:0]
            most = 1.0 if name in AT_MOST_1 else np.inf
            low, high = interval(float(values[0]), resampled, units=units, most=most)
            found.append(Metric(name, float(values[0]), low, high, n))
    return found


def _kernel_means(passes: Comparisons) -> dict[str, float]:
    """Uniformities, the log of the mean of exp(-2 squared distance), and MMD^2."""
    across = passes.video_to_text.kernels[0] + passes.text_to_video.kernels[0]
    return {
        "uniformity_video": float(np.log(passes.video.kernels[0].mean())),
        "uniformity_text": float(np.log(passes.text.kernels[0].mean())),
        "uniformity_cross": float(np.log(across.mean() / 2)),
        "mmd2": float(passes.mmd_terms().mean()),
    }


def _tests(
    pairs: Pairs, neighbours: Neighbours, *, permutations: int, seed: int, clusters: Labels
) -> dict[str, float]:
    """The gap and the neighbours against labels that are exchanged within pairs."""
    flips = sign_flip_test(pairs, permutations=permutations, seed=seed, clusters=clusters)
    swaps = swap_test(neighbours, permutations=permutations, seed=seed, clusters=clusters)
    return {
        "sign_flip_null_gap": float(flips.null.mean()),
        "sign_flip_p_value": flips.p_value,
        "knn_same_modality_swapped": swaps.mean,
        "knn_same_modality_excess": neighbours.share() - swaps.mean,
        "knn_same_modality_p_value": swaps.p_value,
    }


def _singles(
    pairs: Pairs, passes: Comparisons, scores: FloatArray | None, seed: int
) -> Iterator[tuple[str, float]]:
    """Metrics without a bootstrap interval."""
    n, shape = len(pairs), shapes(pairs)
    rows = {"video": pairs.video, "text": pairs.text}
    for name, (own, _) in passes.by_query.items():
        yield f"cone_minimum_{name}", own.lowest
        yield f"cone_p01_{name}", own.quantile(0.01)
        yield f"cone_p99_{name}", own.quantile(0.99)
        yield f"mixed_gallery_median_rank_{name}", np.median(passes.mixed_ranks[name])
        yield f"duplicate_share_{name}", duplicate_share(rows[name])
        halves = split_half_gaps(rows[name], repeats=SPLIT_HALVES, seed=seed)
        # Halves have N / 2 rows; two samples of N are closer to each other by this factor.
        yield f"split_half_gap_{name}", halves.mean() / math.sqrt(2)
    near = passes.video.neighbours, passes.text.neighbours
    yield "mutual_knn", mutual_share(*near)
    yield "mutual_knn_chance", near[0].shape[1] / (n - 1)
    yield from _retrieval(passes)
    for direction in passes.directions:
        queries, gallery = (rows[name] for name in direction.split("_to_"))
        recall = recall_in_galleries(queries, gallery, seed=seed)
        yield f"recall_at_1_of_1000_{direction}", recall
    if scores is not None:
        from sklearn.metrics import roc_auc_score

        of_video, of_text = scores
        yield "linear_probe_accuracy", ((of_video > 0).mean() + (of_text <= 0).mean()) / 2
        yield "linear_probe_auc", roc_auc_score(np.repeat([1, 0], n), scores.ravel())
    yield from modality_clusters(pairs, seed=seed).items()
    yield from frechet(shape).items()
    for name, cloud in (("video", shape.video), ("text", shape.text)):
        if cloud.values[0] > 1e-12:
            for metric, value in isotropy(cloud.values).items():
                yield f"{metric}_{name}", value
    yield from structure(shape, pairs).items()


def _retrieval(passes: Comparisons) -> Iterator[tuple[str, float]]:
    """Ranks of the matches and hubs, in both directions."""
    n = len(passes.paired)
    for direction, across in passes.directions.items():
        for k in (1, 5, 10):
            if k < n:
                found = recall_at(k, across.closer, across.tied)
                yield f"recall_at_{k}_{direction}", found.mean()
        yield f"median_rank_{direction}", np.median(middle_rank(across.closer, across.tied))
        expected = reciprocal_rank(across.closer, across.tied)
        yield f"mean_reciprocal_rank_{direction}", expected.mean()
        below = (across.closer + across.tied / 2) / (n - 1)
        yield f"pair_auc_{direction}", 1 - below.mean()
        for name, value in hubness(across.occurrences).items():
            yield f"{name}_{direction}", value

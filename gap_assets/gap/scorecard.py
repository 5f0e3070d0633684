"""All metrics of one set of pairs as a flat list of named numbers with intervals.

The names are the same in JSON, in the warehouse's `gap_metrics` and in the report. A metric that
the data cannot give (recall at 10 among 8 videos, a spectrum of a constant modality) is left out,
never reported as a made-up number.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.pairwise import Comparisons, compare_all, hubness, recall_in_galleries
from gap_assets.gap.metrics.resampling import (
    bootstrap_weights,
    interval,
    sign_flip_test,
    split_half_gaps,
)
from gap_assets.gap.metrics.separability import (
    MIN_PAIRS_FOR_HALVES,
    d_prime,
    gap_axis_projections,
    probe_scores,
)
from gap_assets.gap.metrics.spectra import frechet, isotropy, shapes, structure
from gap_assets.gap.pairs import (
    AnyFloats,
    FloatArray,
    Pairs,
    check_pairs,
    duplicate_share,
    load_embeddings,
)

SPLIT_HALVES = 200


@dataclass(frozen=True)
class Metric:
    """A named number over n pairs, with a 95 % interval where resampling videos gives one."""

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
) -> list[Metric]:
    """Every metric of N paired embeddings.

    Intervals are percentiles over bootstrapped videos. For sums over pairs of videos (uniformity,
    MMD) the bootstrap is linearised: each video's mean kernel is resampled. For retrieval and
    mixing the gallery stays fixed and the queries are resampled. `centroid_gap` is biased upwards
    by about (2 - 2 paired cosine - gap^2) / (2 N gap), and its interval by twice that, for the
    bootstrap adds the bias again; `centroid_gap_debiased` is not.

    Args:
        video: (N, D) rows of any length but 0.
        text: (N, D) row i is the text of video i.
        seed: Of the bootstrap, the permutations and the splits.
        bootstraps: Replicates; 0 leaves the intervals out.
        permutations: Sign flips; 0 leaves the test out.

    Raises:
        GapInputError: See `check_pairs`.
    """
    pairs = check_pairs(video, text)
    n, passes = len(pairs), compare_all(pairs)
    scores = probe_scores(pairs, seed=seed) if n >= MIN_PAIRS_FOR_HALVES else None
    weights = bootstrap_weights(n, bootstraps=bootstraps, seed=seed)
    found = closed_form(pairs.video, pairs.text, weights=weights)
    found |= _kernel_means(passes, weights)
    found |= _means(dict(_per_video(passes, scores)), weights)
    if n >= MIN_PAIRS_FOR_HALVES:
        found["d_prime_gap"] = d_prime(*gap_axis_projections(pairs, seed=seed), weights=weights)
    singles = dict(_singles(pairs, passes, scores, seed))
    if permutations:
        test = sign_flip_test(pairs, permutations=permutations, seed=seed)
        singles["sign_flip_null_gap"] = noise = test.null.mean()
        singles["sign_flip_p_value"] = test.p_value
        with np.errstate(divide="ignore", invalid="ignore"):
            singles["gap_over_noise_floor"] = found["centroid_gap"][0] / noise
    return summarise(found | {name: np.array([value]) for name, value in singles.items()}, n)


def scorecard_of_files(video: Path, text: Path, *, seed: int = 0) -> list[Metric]:
    """The scorecard of two `.npy` files of paired embeddings (N, D)."""
    return scorecard(load_embeddings(video), load_embeddings(text), seed=seed)


def as_json(rows: list[Metric]) -> dict[str, dict[str, float | None]]:
    """`{name: {"value": ..., "ci_low": ..., "ci_high": ...}}`."""
    return {
        row.name: {"value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high} for row in rows
    }


def summarise(replicates: Mapping[str, FloatArray], n: int) -> list[Metric]:
    """Metrics from replicates (1 + B,): the value first, then its bootstrap; no NaN values."""
    found = []
    for name, values in replicates.items():
        if math.isfinite(values[0]):
            low, high = interval(values[1:])
            found.append(Metric(name, float(values[0]), low, high, n))
    return found


def _means(terms: Mapping[str, FloatArray], weights: FloatArray) -> dict[str, FloatArray]:
    """Weighted means (1 + B,) of one number per video (N,)."""
    columns = np.stack(list(terms.values()), axis=1)
    return dict(zip(terms, (weights @ columns / len(columns)).T, strict=True))


def _kernel_means(passes: Comparisons, weights: FloatArray) -> dict[str, FloatArray]:
    """Uniformities and MMD^2 with the bootstrap of their first-order (Hoeffding) terms.

    A uniformity is the log of the mean of exp(-2 squared distance).
    """
    terms = {
        "uniformity_video": passes.video.kernels[0],
        "uniformity_text": passes.text.kernels[0],
        "uniformity_cross": (passes.video_to_text.kernels[0] + passes.text_to_video.kernels[0]) / 2,
        "mmd2": passes.mmd_terms(),
    }
    found = _means(terms, weights)
    for name, means in found.items():
        mean, change = means[0], 2 * (means - means[0])
        found[name] = mean + change if name == "mmd2" else np.log(mean) + change / mean
    return found


def _per_video(passes: Comparisons, scores: FloatArray | None) -> Iterator[tuple[str, FloatArray]]:
    """Metrics that are plain means of one number per video (N,)."""
    n = len(passes.paired)
    yield "knn_same_modality", passes.same_modality_share()
    if scores is not None:
        video, text = scores
        yield "linear_probe_accuracy", ((video > 0) * 1.0 + (text <= 0)) / 2
    for direction, across in passes.directions.items():
        rank = across.closer + 1
        for k in (1, 5, 10):
            if k < n:
                yield f"recall_at_{k}_{direction}", (rank <= k).astype(np.float64)
        yield f"mean_reciprocal_rank_{direction}", 1 / rank
        yield f"pair_auc_{direction}", 1 - across.closer / (n - 1)


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
    yield "knn_same_modality_chance", (n - 1) / (2 * n - 1)
    for direction, across in passes.directions.items():
        yield f"median_rank_{direction}", np.median(across.closer + 1)
        for name, value in hubness(across.occurrences).items():
            yield f"{name}_{direction}", value
    for direction in passes.directions:
        queries, gallery = (rows[name] for name in direction.split("_to_"))
        recall = recall_in_galleries(queries, gallery, seed=seed)
        yield f"recall_at_1_of_1000_{direction}", recall
    if scores is not None:
        from sklearn.metrics import roc_auc_score

        yield "linear_probe_auc", roc_auc_score(np.repeat([1, 0], n), scores.ravel())
    yield from frechet(shape).items()
    for name, cloud in (("video", shape.video), ("text", shape.text)):
        if cloud.values[0] > 1e-12:
            for metric, value in isotropy(cloud.values).items():
                yield f"{metric}_{name}", value
    yield from structure(shape, pairs).items()

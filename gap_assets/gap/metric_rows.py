"""Rows of the warehouse's `gap_metrics`: which source is compared with which.

`encoder` is the trained model or a control such as `untrained-0`; `video_source` and `text_source`
name the two sides, also where videos are compared with videos, texts with texts (a gap without
modalities) or controls with each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.metrics.copies import near_copies
from gap_assets.gap.metrics.interventions import MEASURES, UNSHIFTED, intervene, loss_landscape
from gap_assets.gap.metrics.mixed_gallery import mixed_gallery
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.pooling import Pooled, pooling
from gap_assets.gap.metrics.resampling import bootstrap_weights
from gap_assets.gap.pairs import MIN_PAIRS, AnyFloats, Labels, Pairs, check_pairs, unit_rows
from gap_assets.gap.scorecard import Metric, scorecard, summarise

MEAN = "mean"
FRAMES = "frames"
NOISE = "noise"
CAPTIONS = "captions"
UNTRAINED = "untrained-"
"""What the names of untrained networks begin with; their seed follows."""
GALLERY_TEXTS = ("reference", "captions", "summary", "filtered")  # the first that there is
MATRIX_BOOTSTRAPS = 200  # for the many pairs beside the main ones
RAW_METRICS = (  # what keeps its meaning for vectors shorter than 1
    "centroid_gap",
    "centroid_gap_debiased",
    "cone_video",
    "cone_text",
    "paired_cosine",
    "mismatched_cosine",
)


@dataclass(frozen=True)
class SourceVectors:
    """Embeddings of the same N videos by one encoder, each (N, D); a missing row is all NaN.

    Attributes:
        videos: Fusion to embeddings as fused. From the raw means, `mean`, follows `frames`:
            without re-normalising, centroid and cone of the means are those of single frames.
        texts: Text source to embeddings.
        captions: Means of the unit embeddings of all captions, not made unit vectors.
        frames: (N,) frames of each video.
    """

    videos: Mapping[str, AnyFloats]
    texts: Mapping[str, AnyFloats]
    captions: AnyFloats | None = None
    frames: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class MetricRow:
    """One row of `gap_metrics`."""

    encoder: str
    video_source: str
    text_source: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


@dataclass(frozen=True)
class MetricPlan:
    """What to compare how thoroughly.

    Attributes:
        video: Fusion of the main pair; compared with every text by the full scorecard.
        text: Text source of the main pair, which also gets the interventions.
        encoder: Name of the trained model.
        logit_scale: The model's own inverse temperature.
        bootstraps: Replicates for the full scorecards; at most 200 elsewhere.
        permutations: Sign flips for the full scorecards.
        seed: Of all of it.
        smallest_gap: The smallest gap of interest, for the verdict.
        smallest_cone: The smallest cone of interest.
    """

    encoder: str
    video: str = MEAN
    text: str = "summary"
    logit_scale: float = 100.0
    bootstraps: int = 1000
    permutations: int = 999
    seed: int = 0
    smallest_gap: float = 0.1
    smallest_cone: float = 0.1


def matched(encoder: str) -> str:
    """The name of a model's rows on those videos only that the untrained networks saw."""
    return f"{encoder} × videos of the controls"


def metric_rows(
    trained: SourceVectors,
    plan: MetricPlan,
    controls: Mapping[str, SourceVectors] | None = None,
    *,
    seen: NDArray[np.bool_] | None = None,
) -> Iterator[MetricRow]:
    """All rows of a warehouse: main pair, text ladder, fusions, source matrix, controls.

    Args:
        trained: The model under study.
        plan: The main pair and the resampling.
        controls: Name (`untrained-0`) to the same videos and texts by that network. A video source
            `noise` holds embeddings of noise pictures, any number of rows.
        seen: (N,) the videos that the controls saw; where those are not all, the trained model is
            measured on them as well, under the name `matched(encoder)`.

    Raises:
        GapInputError: A pair of sources cannot be measured (`check_pairs`). Pairs other than the
            main one that have fewer than three common videos are left out.
    """
    video = trained.videos[plan.video]
    clusters = pair_clusters(video, trained.texts[plan.text])
    for name, text in trained.texts.items():
        present = both_present(video, text)
        if name == plan.text or present.sum() >= MIN_PAIRS:
            found = full_metrics(video, text, plan, clusters=clusters)
            if name == plan.text:
                found += _tampered(check_pairs(video[present], text[present]), plan)
            yield from rows_of_pair(plan.encoder, plan.video, name, found)
            if MEAN in trained.videos:
                raw = closed_form_metrics(
                    trained.videos[MEAN], text, plan, clusters=clusters, normalise=False
                )
                yield from rows_of_pair(plan.encoder, FRAMES, name, raw)
    yield from _pooling_rows(trained, plan, clusters)
    yield from _mixed_rows(trained, plan)
    everything = {**trained.videos, **trained.texts}
    for (first, one), (second, other) in combinations(everything.items(), 2):
        if first != plan.video or second not in trained.texts:  # those have a full scorecard
            found = closed_form_metrics(one, other, plan, clusters=clusters)
            yield from rows_of_pair(plan.encoder, first, second, found)
    if seen is not None and not seen.all():
        same = closed_form_metrics(video[seen], trained.texts[plan.text][seen], plan)
        yield from rows_of_pair(matched(plan.encoder), plan.video, plan.text, same)
    yield from _control_rows(controls or {}, plan)


def both_present(first: AnyFloats, second: AnyFloats) -> NDArray[np.bool_]:
    """(N,) whether neither of two arrays (N, D) lacks the row; a lacking row is all NaN."""
    return np.asarray(~(np.isnan(first).all(axis=1) | np.isnan(second).all(axis=1)))


def full_metrics(
    video: AnyFloats, text: AnyFloats, plan: MetricPlan, *, clusters: Labels
) -> list[Metric]:
    """The full scorecard of those rows (N, D) that both have; `clusters` are of all N."""
    present = both_present(video, text)
    return scorecard(
        video[present],
        text[present],
        seed=plan.seed,
        bootstraps=plan.bootstraps,
        permutations=plan.permutations,
        clusters=numbered(clusters[present]),
    )


def pair_clusters(video: AnyFloats, text: AnyFloats) -> Labels:
    """(N,) near-copies by the main pair of sources; a video that lacks one of them is by itself."""
    present = both_present(video, text)
    clusters = np.arange(len(video)) + len(video)
    clusters[present] = near_copies(check_pairs(video[present], text[present]))
    return clusters


def numbered(clusters: Labels) -> Labels:
    """The same clusters, numbered from 0 without a break."""
    return np.asarray(np.unique(clusters, return_inverse=True)[1])


def rows_of_pair(
    encoder: str, video_source: str, text_source: str, found: Iterable[Metric]
) -> Iterator[MetricRow]:
    """The rows of what was found of one pair of sources."""
    for metric in found:
        yield MetricRow(encoder, video_source, text_source, *astuple(metric))


def _pooling_rows(
    trained: SourceVectors, plan: MetricPlan, clusters: Labels
) -> Iterator[MetricRow]:
    """What pooling adds to the gap, for every fusion; nothing without the means of captions."""
    text, caption = trained.texts[plan.text], trained.texts.get(CAPTIONS)
    if trained.captions is None or trained.frames is None or caption is None:
        return
    frames = trained.videos.get(MEAN)
    if frames is None:
        return
    present = both_present(text, trained.captions) & both_present(frames, caption)
    if present.sum() < MIN_PAIRS:
        return
    labels = numbered(clusters[present])
    units = int(labels.max()) + 1
    weights = bootstrap_weights(units, bootstraps=plan.bootstraps, seed=plan.seed)
    for fusion, video in trained.videos.items():
        stages = Pooled(
            frames=frames[present].astype(np.float64),
            captions=trained.captions[present].astype(np.float64),
            video=unit_rows(video[present]),
            caption=unit_rows(caption[present]),
            text=unit_rows(text[present]),
            counts=trained.frames[present].astype(np.float64),
        )
        found = pooling(stages, weights=weights, clusters=labels)
        rows = summarise(found, n=len(labels), units=units)
        yield from rows_of_pair(plan.encoder, fusion, plan.text, rows)


def _mixed_rows(trained: SourceVectors, plan: MetricPlan) -> Iterator[MetricRow]:
    """Search in mixed galleries by the main text; their texts are the first other source."""
    others = [name for name in GALLERY_TEXTS if name in trained.texts and name != plan.text]
    for name in others[:1]:
        queries, video, text = (
            trained.texts[plan.text],
            trained.videos[plan.video],
            trained.texts[name],
        )
        present = both_present(queries, video) & both_present(text, text)
        if present.sum() >= MIN_PAIRS:
            units = [unit_rows(rows[present]) for rows in (queries, video, text)]
            found = mixed_gallery(*units, seed=plan.seed)
            metrics = (
                Metric(key, value, None, None, len(units[0])) for key, value in found.items()
            )
            yield from rows_of_pair(plan.encoder, plan.video, plan.text, metrics)


def _tampered(pairs: Pairs, plan: MetricPlan) -> Iterator[Metric]:
    landscape = loss_landscape(pairs, logit_scale=plan.logit_scale)
    for scale, losses, shift in zip(
        landscape.inverse_temperatures, landscape.losses, landscape.best_shifts(), strict=True
    ):
        loss = float(losses[UNSHIFTED])
        yield Metric(f"contrastive_loss_at_{scale:g}", loss, None, None, len(pairs))
        yield Metric(f"best_shift_at_{scale:g}", float(shift), None, None, len(pairs))
    for outcome in intervene(pairs, seed=plan.seed):
        for name in MEASURES:
            metric = f"{name}_after_{outcome.kind}_{outcome.amount:g}"
            yield Metric(metric, getattr(outcome, name), None, None, outcome.n)


def closed_form_metrics(
    first: AnyFloats,
    second: AnyFloats,
    plan: MetricPlan,
    *,
    clusters: Labels | None = None,
    normalise: bool = True,
) -> list[Metric]:
    """The closed-form family of the common rows; [] for fewer than three."""
    present = both_present(first, second)
    if present.sum() < MIN_PAIRS:
        return []
    pairs = check_pairs(first[present], second[present])
    video = pairs.video if normalise else first[present].astype(np.float64)
    labels = np.arange(len(pairs)) if clusters is None else numbered(clusters[present])
    units = int(labels.max()) + 1
    weights = bootstrap_weights(
        units, bootstraps=min(plan.bootstraps, MATRIX_BOOTSTRAPS), seed=plan.seed
    )
    replicates = closed_form(video, pairs.text, weights=weights, clusters=labels)
    found = summarise(replicates, n=len(pairs), units=units)
    return [metric for metric in found if normalise or metric.name in RAW_METRICS]


def _control_rows(controls: Mapping[str, SourceVectors], plan: MetricPlan) -> Iterator[MetricRow]:
    # Those of the few videos that the controls see may all lack this text.
    controls = {name: control for name, control in controls.items() if plan.text in control.texts}
    for encoder, control in controls.items():
        found = closed_form_metrics(control.videos[plan.video], control.texts[plan.text], plan)
        yield from rows_of_pair(encoder, plan.video, plan.text, found)
        if NOISE in control.videos:
            found = closed_form_metrics(control.videos[NOISE], control.videos[NOISE], plan)
            cone = [metric for metric in found if metric.name == "cone_video"]
            yield from rows_of_pair(encoder, NOISE, NOISE, cone)
    for (first, one), (second, other) in combinations(controls.items(), 2):
        for source, rows, others in (
            (plan.video, one.videos[plan.video], other.videos[plan.video]),
            (plan.text, one.texts[plan.text], other.texts[plan.text]),
        ):
            found = closed_form_metrics(rows, others, plan)
            yield from rows_of_pair(f"{first} × {second}", source, source, found)

"""Rows of the warehouse's `gap_metrics`: which source is compared with which.

`encoder` is the trained model or a control such as `untrained-0`; `video_source` and `text_source`
name the two sides. The source-by-source matrix also compares videos with videos and texts with
texts (a gap without modalities), and controls with each other; there the two columns hold the two
sides whatever they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import combinations

import numpy as np

from gap_assets.gap.inputs import MIN_PAIRS, AnyFloats, check_pairs
from gap_assets.gap.interventions import MEASURES, UNSHIFTED, intervene, loss_landscape
from gap_assets.gap.moments import closed_form
from gap_assets.gap.resampling import bootstrap_weights
from gap_assets.gap.scorecard import Metric, scorecard, summarise

FRAMES = "frames"
NOISE = "noise"
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
class Sources:
    """Embeddings of the same N videos by one encoder, each (N, D); a missing row is all NaN.

    Attributes:
        videos: Fusion to embeddings as fused. From raw means (`mean`) follows the row `frames`:
            without re-normalising, centroid and cone of the means are those of single frames.
        texts: Text source to embeddings.
    """

    videos: Mapping[str, AnyFloats]
    texts: Mapping[str, AnyFloats]


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
class Plan:
    """What to compare how thoroughly.

    Attributes:
        video: Fusion of the main pair; compared with every text by the full scorecard.
        text: Text source of the main pair, which also gets the interventions.
        encoder: Name of the trained model.
        logit_scale: The model's own inverse temperature.
        bootstraps: Replicates for the full scorecards; at most 200 elsewhere.
        permutations: Sign flips for the full scorecards.
        seed: Of all of it.
    """

    encoder: str
    video: str = "mean"
    text: str = "summary"
    logit_scale: float = 100.0
    bootstraps: int = 1000
    permutations: int = 999
    seed: int = 0


def metric_rows(
    trained: Sources, plan: Plan, controls: Mapping[str, Sources] | None = None
) -> Iterator[MetricRow]:
    """All rows of a warehouse: main pair, text ladder, fusions, source matrix, controls.

    Args:
        trained: The model under study.
        plan: The main pair and the resampling.
        controls: Name (`untrained-0`) to the same videos and texts by that network. A video source
            `noise` holds embeddings of noise pictures, any number of rows.

    Raises:
        GapInputError: The main pair cannot be measured (`check_pairs`). Other pairs of sources
            with fewer than three common videos are left out.
    """
    main = {
        text: both_present(trained.videos[plan.video], trained.texts[text])
        for text in trained.texts
    }
    for text, (video_rows, text_rows) in main.items():
        if text == plan.text or len(video_rows) >= MIN_PAIRS:
            found = _full(video_rows, text_rows, plan, main=text == plan.text)
            yield from _rows(plan.encoder, plan.video, text, found)
            raw = _closed_form(video_rows, text_rows, plan, normalise=False)
            yield from _rows(plan.encoder, FRAMES, text, raw)
    everything = {**trained.videos, **trained.texts}
    for first, second in combinations(everything, 2):
        if first == plan.video and second in main:
            continue  # has a full scorecard
        both = both_present(everything[first], everything[second])
        if len(both[0]) >= MIN_PAIRS:
            yield from _rows(plan.encoder, first, second, _closed_form(*both, plan))
    yield from _control_rows(controls or {}, plan)


def both_present(first: AnyFloats, second: AnyFloats) -> tuple[AnyFloats, AnyFloats]:
    """The rows that neither array lacks; a lacking row is all NaN."""
    present = ~(np.isnan(first).all(axis=1) | np.isnan(second).all(axis=1))
    return first[present], second[present]


def _rows(
    encoder: str, video_source: str, text_source: str, found: Iterable[Metric]
) -> Iterator[MetricRow]:
    for metric in found:
        yield MetricRow(encoder, video_source, text_source, *astuple(metric))


def _full(video: AnyFloats, text: AnyFloats, plan: Plan, *, main: bool) -> Iterator[Metric]:
    yield from scorecard(
        video, text, seed=plan.seed, bootstraps=plan.bootstraps, permutations=plan.permutations
    )
    if main:
        pairs = check_pairs(video, text)
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


def _closed_form(
    first: AnyFloats, second: AnyFloats, plan: Plan, *, normalise: bool = True
) -> list[Metric]:
    pairs = check_pairs(first, second)
    video = pairs.video if normalise else np.asarray(first, dtype=np.float64)
    weights = bootstrap_weights(
        len(pairs), bootstraps=min(plan.bootstraps, MATRIX_BOOTSTRAPS), seed=plan.seed
    )
    found = summarise(closed_form(video, pairs.text, weights=weights), len(pairs))
    return [metric for metric in found if normalise or metric.name in RAW_METRICS]


def _control_rows(controls: Mapping[str, Sources], plan: Plan) -> Iterator[MetricRow]:
    for encoder, control in controls.items():
        both = both_present(control.videos[plan.video], control.texts[plan.text])
        yield from _rows(encoder, plan.video, plan.text, _closed_form(*both, plan))
        if NOISE in control.videos:
            noise = control.videos[NOISE]
            cone = [row for row in _closed_form(noise, noise, plan) if row.name == "cone_video"]
            yield from _rows(encoder, NOISE, NOISE, cone)
    for (first, one), (second, other) in combinations(controls.items(), 2):
        for source, rows, others in (
            (plan.video, one.videos[plan.video], other.videos[plan.video]),
            (plan.text, one.texts[plan.text], other.texts[plan.text]),
        ):
            found = _closed_form(*both_present(rows, others), plan)
            yield from _rows(f"{first} × {second}", source, source, found)

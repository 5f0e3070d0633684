"""Rows of `gap_metrics` for other encoders on the same videos and texts.

Each encoder is a space of its own, with dimensions and near-copies of its own: nothing here
compares vectors of two of them. What the embedding CoCa is measured on is in `metric_rows`.
"""

from collections.abc import Iterator
from itertools import product

from gap_assets.gap.metric_rows import (
    MetricPlan,
    MetricRow,
    SourceVectors,
    both_present,
    closed_form_metrics,
    full_metrics,
    pair_clusters,
    rows_of_pair,
)
from gap_assets.gap.pairs import MIN_PAIRS

WHOLE = "video"
"""The source of the one vector that an encoder of whole videos makes of each."""


def main_source(sources: SourceVectors, plan: MetricPlan) -> str:
    """The main pair's fusion, or the one vector of an encoder that reads whole videos."""
    return plan.video if plan.video in sources.videos else next(iter(sources.videos))


def encoder_rows(encoder: str, sources: SourceVectors, plan: MetricPlan) -> Iterator[MetricRow]:
    """The full scorecard of the main pair, and the closed forms of all other pairs.

    Args:
        encoder: Its name.
        sources: What it made of the videos and their texts.
        plan: The main pair and the resampling, as for the embedding CoCa.

    Yields:
        Nothing where fewer than three videos have the main pair.
    """
    if not sources.videos or plan.text not in sources.texts:
        return
    fusion = main_source(sources, plan)
    video, text = sources.videos[fusion], sources.texts[plan.text]
    if both_present(video, text).sum() < MIN_PAIRS:
        return
    clusters = pair_clusters(video, text)
    found = full_metrics(video, text, plan, clusters=clusters)
    yield from rows_of_pair(encoder, fusion, plan.text, found)
    for (source, one), (other, words) in product(sources.videos.items(), sources.texts.items()):
        if (source, other) != (fusion, plan.text):
            rows = closed_form_metrics(one, words, plan, clusters=clusters)
            yield from rows_of_pair(encoder, source, other, rows)

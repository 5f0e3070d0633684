"""The gap's numbers from what the warehouse holds; `gap_assets.gap` computes them."""

import numpy as np
import polars as pl

from gap_assets.encoders.choice import Encoders
from gap_assets.gap.encoder_metrics import encoder_rows
from gap_assets.gap.metric_rows import MetricPlan, metric_rows
from gap_assets.gap.pairs import check_pairs
from gap_assets.parameters import CocaModel, GapStatistics
from gap_assets.pipeline.corpus import main_pair, read_corpus, read_encoder, read_untrained
from gap_assets.pipeline.encoders import current_videos
from gap_assets.profiles import display_name
from gap_assets.warehouse.store import Warehouse


def metric_plan(coca: CocaModel, statistics: GapStatistics) -> MetricPlan:
    """What `gap_metrics` compares; the encoder's name tells models apart in its rows."""
    from gap_assets.coca.cost import logit_scale

    return MetricPlan(
        encoder=display_name(coca.model, coca.weights),
        video=statistics.fusion,
        text=statistics.text_source,
        logit_scale=logit_scale(coca.model, coca.weights),
        bootstraps=statistics.bootstraps,
        permutations=statistics.permutations,
        seed=statistics.seed,
        smallest_gap=statistics.smallest_gap,
        smallest_cone=statistics.smallest_cone,
    )


def measure_gap(
    warehouse: Warehouse,
    *,
    coca: CocaModel,
    encoders: Encoders,
    statistics: GapStatistics,
    controlled: bool,
) -> pl.DataFrame:
    """The rows of `gap_metrics`.

    Args:
        warehouse: The warehouse.
        coca: The embedding CoCa.
        encoders: The others; each is measured on the videos of which its rows are current.
        statistics: What is compared, and how often it is resampled.
        controlled: Whether the stored untrained networks belong to these videos and texts.

    Raises:
        GapInputError: There is too little to measure.
    """
    corpus = read_corpus(warehouse)
    _, video, text = main_pair(corpus, statistics)
    check_pairs(video, text)
    untrained = read_untrained(warehouse) if controlled else {}
    controls = {name: part.sources for name, part in untrained.items()}
    plan = metric_plan(coca, statistics)
    ids = {video for part in untrained.values() for video in part.video_ids}
    seen = np.array([video in ids for video in corpus.video_ids]) if ids else None
    rows = list(metric_rows(corpus.sources, plan, controls, seen=seen))
    for name, videos in current_videos(warehouse, encoders, corpus.video_ids).items():
        rows += encoder_rows(name, read_encoder(warehouse, name, videos=videos).sources, plan)
    return pl.DataFrame(rows)


def main_metrics(
    warehouse: Warehouse, *, coca: CocaModel, statistics: GapStatistics
) -> dict[str, float]:
    """The stored numbers of the main pair by name."""
    rows = warehouse.read(
        "SELECT metric, value FROM gap_metrics WHERE encoder = ? AND video_source = ?"
        " AND text_source = ? AND isfinite(value)",
        display_name(coca.model, coca.weights),
        statistics.fusion,
        statistics.text_source,
    )
    return dict(rows.iter_rows())

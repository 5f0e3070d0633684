"""What all videos say together: untrained controls, gap metrics and the report."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.assets.common import GPU_POOL, embedding_column, main_pair, whole_asset
from gap_assets.assets.whole import WholeConfig, materialize_whole
from gap_assets.gap.sources import Plan, metric_rows
from gap_assets.profiles import PROFILES
from gap_assets.resources import CocaModel, GapStatistics, Sources, WarehouseResource
from gap_assets.untrained import embed_untrained
from gap_assets.warehouse.corpus import read_corpus, read_untrained


@whole_asset("untrained_embeddings", group="gap", kinds={"pytorch"}, pool=GPU_POOL)
def untrained_embeddings(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The same frames and texts by networks that were never trained: the gap before learning.

    One set of embeddings per random seed, of the same architecture, for up to a few hundred videos,
    and of pictures of noise. The paper explains the gap by the cones of untrained networks; these
    rows are that baseline.
    """
    store = warehouse.open()

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        parts = []
        for seed in range(statistics.untrained_seeds):
            context.log.info(f"untrained network {seed + 1} of {statistics.untrained_seeds}")
            parts.append(
                embed_untrained(
                    coca.load(seed=seed),
                    store,
                    encoder=f"untrained-{seed}",
                    videos=statistics.untrained_videos,
                    batch_size=coca.batch_size,
                )
            )
        keys = pl.concat([keys for keys, _ in parts]) if parts else pl.DataFrame()
        if len(keys):
            vectors = np.concatenate([vectors for _, vectors in parts])
            keys = keys.with_columns(embedding_column(vectors))
        return {"untrained_embeddings": keys}, {"networks": statistics.untrained_seeds}

    return materialize_whole(
        context, "untrained_embeddings", compute, warehouse=store, config=config
    )


@whole_asset("gap_metrics", group="gap", kinds={"numpy"})
def gap_metrics(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    sources: Sources,
    coca: CocaModel,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The numbers: modality gap, cones, paired and mismatched cosine, RMG and many more.

    Each with a 95 % confidence interval from resampling videos, for every pair of sources and for
    the untrained networks. Every row names its encoder, its two sources and its number of pairs.
    """
    store = warehouse.open()
    encoder = model_name(coca, sources)

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        corpus = read_corpus(store)
        main_pair(corpus, statistics)
        plan = Plan(
            encoder=encoder,
            video=statistics.fusion,
            text=statistics.text_source,
            logit_scale=coca.logit_scale(),
            bootstraps=statistics.bootstraps,
            permutations=statistics.permutations,
            seed=statistics.seed,
        )
        controls = {name: part.sources for name, part in read_untrained(store).items()}
        rows = pl.DataFrame(list(metric_rows(corpus.sources, plan, controls)))
        return {"gap_metrics": rows}, {}

    result = materialize_whole(context, "gap_metrics", compute, warehouse=store, config=config)
    main = store.read(
        "SELECT metric, value FROM gap_metrics WHERE encoder = ? AND video_source = ?"
        " AND text_source = ? AND isfinite(value)",
        encoder,
        statistics.fusion,
        statistics.text_source,
    )
    return result._replace(metadata={**(result.metadata or {}), **dict(main.iter_rows())})


def model_name(coca: CocaModel, sources: Sources) -> str:
    """How the trained model is called in `gap_metrics` and the report."""
    if sources.profile in PROFILES and coca.model == PROFILES[sources.profile].coca:
        name = coca.model if ":" not in coca.model else f"{sources.profile} CoCa"
    else:
        name = coca.model
    return f"{name} {coca.weights}" if coca.weights else name


@whole_asset("gap_report", group="gap", kinds={"html"})
def gap_report() -> None:
    """TODO."""

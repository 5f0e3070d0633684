"""What the asset modules share: who owns them, how one is partitioned, how rows are shown."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.executors import needs
from gap_assets.gap.sources import both_present
from gap_assets.lineage import STEPS
from gap_assets.partitions import videos_partitions
from gap_assets.resources import GapStatistics
from gap_assets.warehouse.corpus import Corpus

OWNERS = ["team:gap_assets"]
GPU_POOL = "gpu"
PREVIEW_ROWS = 20


Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def whole_asset(
    asset: str, *, group: str, kinds: set[str], pool: str | None = None, **more: Any
) -> Decorator:
    """Decorates a function as the asset of this name, at its place in the graph."""
    decorate: Decorator = dg.asset(
        key=asset,
        deps=STEPS[asset].upstream,
        group_name=group,
        kinds={"duckdb", *kinds},
        owners=OWNERS,
        code_version=STEPS[asset].version,
        metadata={"dagster/table_name": asset},
        pool=pool,
        op_tags=needs(gpu=pool == GPU_POOL),
        **more,
    )
    return decorate


def video_asset(asset: str, *, group: str, kinds: set[str], pool: str | None = None) -> Decorator:
    """Decorates a function as a per-video asset."""
    return whole_asset(asset, group=group, kinds=kinds, pool=pool, partitions_def=videos_partitions)


def video_spec(asset: str, *, group: str, kinds: set[str], description: str) -> dg.AssetSpec:
    """A per-video asset that is made together with another one."""
    return dg.AssetSpec(
        asset,
        deps=STEPS[asset].upstream,
        description=description,
        group_name=group,
        kinds={"duckdb", *kinds},
        owners=OWNERS,
        code_version=STEPS[asset].version,
        partitions_def=videos_partitions,
        metadata={"dagster/table_name": asset},
    )


def by_video(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each video, in their order."""
    if rows.is_empty():
        return {}
    parts = rows.partition_by("video_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}


def table(rows: Iterable[Sequence[Any]], **columns: Any) -> pl.DataFrame:
    """A frame of rows, whose columns keep their types when there are no rows."""
    return pl.DataFrame(list(rows), schema=columns, orient="row")


def preview(rows: pl.DataFrame, columns: list[str]) -> dg.TableMetadataValue:
    """The first rows as a table in the UI; texts are data there, never markup."""
    records = [
        dg.TableRecord({name: str(value) for name, value in row.items()})
        for row in rows.select(columns).head(PREVIEW_ROWS).iter_rows(named=True)
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def main_pair(
    corpus: Corpus, statistics: GapStatistics
) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The videos that have both sides of the main pair, and their embeddings."""
    video = corpus.sources.videos.get(statistics.fusion)
    text = corpus.sources.texts.get(statistics.text_source)
    if video is None or text is None:
        return [], np.empty((0, 1)), np.empty((0, 1))
    present = both_present(video, text)
    ids = [corpus.video_ids[i] for i in np.flatnonzero(present)]
    return ids, video[present], text[present]

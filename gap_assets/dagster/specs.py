"""What the asset modules share: who owns them, how one is partitioned, how rows are shown."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.executors import needs
from gap_assets.dagster.partitions import videos_partitions
from gap_assets.graph import STEPS

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


def preview(rows: pl.DataFrame, columns: list[str]) -> dg.TableMetadataValue:
    """The first rows as a table in the UI; texts are data there, never markup."""
    records = [
        dg.TableRecord({name: str(value) for name, value in row.items()})
        for row in rows.select(columns).head(PREVIEW_ROWS).iter_rows(named=True)
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)

"""What the asset modules share: who owns them, how one is partitioned, how rows are shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.executors import needs
from gap_assets.dagster.partitions import videos_partitions
from gap_assets.graph import CONTROLS, ENCODERS, STEPS
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.waiting import WarehouseHeldError

OWNERS = ["team:gap_assets"]
GPU_POOL = "gpu"
PREVIEW_ROWS = 20
# A notebook may stay open overnight: with a patience of 5 minutes each this is about 8 hours.
HELD_RETRIES, HELD_PAUSE_S = 48, 300
NO_VALUE: dict[str, Any] = {"dagster_type": dg.Nothing}  # Rows go to the warehouse instead.

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
        metadata=table_metadata(asset),
        pool=pool,
        op_tags=needs(gpu=pool == GPU_POOL),
        **NO_VALUE,
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
        metadata=table_metadata(asset),
    )


def table_metadata(asset: str) -> dict[str, Any]:
    """The asset's table for the UI: its name, and its columns with types and descriptions."""
    table = ENCODERS if asset == CONTROLS else asset
    if table not in TABLES:
        return {}
    columns = [
        dg.TableColumn(
            name,
            kind.lower(),
            description=description,
            constraints=dg.TableColumnConstraints(nullable=name not in TABLES[table].key),
        )
        for name, (kind, description) in TABLES[table].columns.items()
    ]
    return {
        "dagster/table_name": f"gap.main.{table}",
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


@contextmanager
def tried_again_later(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Has a step tried again later if another program had the warehouse open for too long.

    A run of `gap run`, before which somebody sits, ends with the sentence.
    """
    try:
        yield
    except WarehouseHeldError as error:
        if context.run.remote_job_origin is None:
            raise
        context.log.warning(f"{error} This is tried again in {HELD_PAUSE_S} s.")
        raise dg.RetryRequested(max_retries=HELD_RETRIES, seconds_to_wait=HELD_PAUSE_S) from error


def preview_table(rows: pl.DataFrame, columns: list[str]) -> dg.TableMetadataValue:
    """The first rows as a table in the UI; texts are data there, never markup."""
    records = [
        dg.TableRecord({name: str(value) for name, value in row.items()})
        for row in rows.select(columns).head(PREVIEW_ROWS).iter_rows(named=True)
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)

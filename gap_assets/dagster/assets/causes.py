"""What makes a gap, as experiments: trainings that differ in one choice, and their figure.

They read no video and no run of the corpus makes them.
"""

import io
import time
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import duckdb
from pydantic import Field

from gap_assets.dagster.executors import needs
from gap_assets.dagster.resources import Sources, WarehouseResource
from gap_assets.dagster.run_metadata import picture_in_markdown
from gap_assets.dagster.specs import (
    GPU_POOL,
    NO_VALUE,
    OWNERS,
    Decorator,
    table_metadata,
    tried_again_later,
)
from gap_assets.gap.causes import CauseRow, Grid
from gap_assets.warehouse.rows import replace_rows, typed_rows
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.training.dials import CONDITIONS, DIALS, SEEDS, Cell, Recipe

TABLE, FIGURE, GROUP = "cause_runs", "cause_figure", "causes"
HEADINGS = ["dial", "condition", "seeds", "gap", "cone of images", "cone of texts", "R@1"]

condition_and_seed = dg.MultiPartitionsDefinition(
    {
        "condition": dg.StaticPartitionsDefinition(list(CONDITIONS)),
        "seed": dg.StaticPartitionsDefinition([str(seed) for seed in SEEDS]),
    }
)


class TrainingConfig(dg.Config):
    """How long the baseline is trained, and on what; other lengths do not mix in one table."""

    start: Literal["embedded", "scratch"] = Field(
        default=Recipe().start, description="What is trained on: the embedded CoCa, or nothing."
    )
    steps: int = Field(default=Recipe().steps, description="Of a training.", ge=1)
    last_steps: int = Field(default=Recipe().last_steps, description="Of a last stage.", ge=1)
    batch: int = Field(default=Recipe().batch, description="Frames of a step.", ge=8)
    films: int = Field(default=Recipe().films, description="Films to draw for training.", ge=250)


def cause_asset(asset: str, *, kinds: set[str], **more: Any) -> Decorator:
    """Decorates a function as an asset that no run of the corpus makes."""
    decorator: Decorator = dg.asset(
        key=asset,
        group_name=GROUP,
        kinds={"duckdb", *kinds},
        owners=OWNERS,
        code_version=str(Recipe().version),
        metadata=table_metadata(asset),
        **NO_VALUE,
        **more,
    )
    return decorator


@cause_asset(
    TABLE,
    kinds={"pytorch"},
    partitions_def=condition_and_seed,
    pool=GPU_POOL,
    op_tags=needs(gpu=True),
)
def cause_runs(
    context: dg.AssetExecutionContext,
    config: TrainingConfig,
    warehouse: WarehouseResource,
    sources: Sources,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The gap along trainings of a small CoCa that differ from one baseline in one choice each.

    A partition is a condition and a seed. Its figures are measured on drawn pictures that no
    training saw. A last stage goes on from the baseline of its seed, which is trained first where
    it is not there. Results, the drawn films (half a gigabyte) and weights are kept in the folder
    `causes` of the data folder; what is there is not trained again.
    """
    from gap_assets.gpu import compute_device
    from gap_assets.world.training.causes import prepare, train_cell

    condition, seed = (context.partition_key.keys_by_dimension[k] for k in ("condition", "seed"))
    cell = Cell(condition, int(seed))
    folder = Path(sources.excluded).parent / GROUP  # Beside what else is in the data folder.
    started = time.monotonic()
    device = compute_device("auto")
    material = prepare(folder, base=Recipe(**config.model_dump()), device=device)
    rows = [CauseRow(cell.condition, cell.seed, *row) for row in train_cell(cell, material)]
    with tried_again_later(context):
        store_cell(warehouse.open(), cell, rows)
    ends = {row.metric: row.value for row in rows}
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(rows),
            "device": device,
            "recipe": material.base.sha256,
            "seconds": round(time.monotonic() - started, 3),
            **ends,
        }
    )


def store_cell(warehouse: Warehouse, cell: Cell, rows: list[CauseRow]) -> None:
    """Replace the rows of one training."""
    where: dict[str, list[Any]] = {"condition": [cell.condition], "seed": [cell.seed]}

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        replace_rows(connection, TABLE, typed_rows(TABLE, rows), where=where)

    warehouse.write(work)


@cause_asset(FIGURE, kinds={"matplotlib"}, deps=[TABLE], op_tags=needs(gpu=False))
def cause_figure(warehouse: WarehouseResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Gap and retrieval along the trainings of `cause_runs`, and a table of where they end.

    Of every partition that has been trained so far; curves are means over seeds, bands reach from
    the least to the most.
    """
    from gap_assets.gap.reporting.figures.causes import overview

    rows = [CauseRow(*row) for row in warehouse.open().tuples(f"FROM {TABLE}")]
    if not rows:
        raise dg.Failure(
            f"{TABLE} has no rows yet; materialize some of its partitions first.",
            allow_retries=False,
        )
    grid = Grid(dials=DIALS, recipe={}, recipe_sha256="", rows=rows)
    picture = io.BytesIO()
    overview(grid).savefig(picture, format="png", dpi=90)
    shown = picture_in_markdown(picture.getvalue(), kind="png")
    return dg.MaterializeResult(metadata={"figure": dg.MetadataValue.md(shown), **_table(grid)})


def _table(grid: Grid) -> dict[str, Any]:
    from gap_assets.gap.reporting.causes import table

    metrics = ("gap", "cone_image", "cone_text", "recall_at_1")
    lines = table(grid, metrics=metrics)
    records = [dg.TableRecord(dict(zip(HEADINGS, line, strict=True))) for line in lines]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in HEADINGS])
    return {"table": dg.MetadataValue.table(records=records, schema=schema)}

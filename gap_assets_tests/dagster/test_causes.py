"""The trainings of `causes`: one cell from partition to rows and figure, outside of all runs."""

import dagster as dg
import pytest

from gap_assets.dagster.assets import causes
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.resources import default_resources
from gap_assets.gap.causes import CauseRow
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.training.dials import CONDITIONS, Cell

TINY = {"steps": 2, "last_steps": 1, "batch": 12, "films": 250}


def test_one_cell_becomes_rows_and_a_figure(settings):
    resources = {key: default_resources(settings)[key] for key in ("warehouse", "sources")}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [causes.cause_runs],
            instance=instance,
            resources=resources,
            partition_key=dg.MultiPartitionKey({"condition": "omission-75", "seed": "1"}),
            run_config=dg.RunConfig(ops={"cause_runs": causes.TrainingConfig(**TINY)}),
        )
        [made] = result.asset_materializations_for_node("cause_runs")
        rows = Warehouse(path=settings.warehouse).read("FROM cause_runs")
        assert set(rows["condition"]) == {"omission-75"}
        assert set(rows["seed"]) == {1}
        assert sorted(set(rows["step"])) == [0, 1, 2]
        assert len(rows) == made.metadata["dagster/partition_row_count"].value
        last = rows.filter(metric="gap", step=2)["value"].item()
        assert made.metadata["gap"].value == pytest.approx(last)
        assert 0.5 < last < 2
        figure = dg.materialize([causes.cause_figure], instance=instance, resources=resources)
    [shown] = figure.asset_materializations_for_node("cause_figure")
    assert shown.metadata["figure"].value.startswith("![](data:image/png;base64,")
    [record] = shown.metadata["table"].records
    assert record.data["condition"] == "0.75"
    assert record.data["seeds"] == "1"


def test_a_cell_that_is_trained_again_replaces_its_own_rows_only(settings):
    warehouse = Warehouse(path=settings.warehouse)
    for cell in (Cell("baseline", 0), Cell("baseline", 1), Cell("omission-0", 0)):
        causes.store_cell(warehouse, cell, [CauseRow(*cell, 0, "gap", 1.0)])
    causes.store_cell(warehouse, Cell("baseline", 0), [CauseRow("baseline", 0, 0, "gap", 0.5)])
    kept = warehouse.tuples("SELECT condition, seed, value FROM cause_runs ORDER BY ALL")
    assert kept == [("baseline", 0, 0.5), ("baseline", 1, 1.0), ("omission-0", 0, 1.0)]


def test_the_figure_without_any_training_says_what_to_do(settings):
    resources = {"warehouse": default_resources(settings)["warehouse"]}
    with pytest.raises(dg.Failure, match="materialize some of its partitions first"):
        dg.materialize([causes.cause_figure], resources=resources)


def test_a_backfill_trains_one_cell_a_run_on_the_gpu_pool_and_no_job_includes_it(settings):
    definitions = build_definitions(settings)
    node = definitions.resolve_asset_graph().get(dg.AssetKey("cause_runs"))
    assert node.backfill_policy is None  # one run for each training
    assert node.pools == {"gpu"}
    keys = node.partitions_def.get_partition_keys()
    assert len(keys) == 3 * len(CONDITIONS)
    for name in ("catalogue", "per_video", "projections_and_report"):
        made = definitions.resolve_job_def(name).asset_layer.selected_asset_keys
        assert not {dg.AssetKey("cause_runs"), dg.AssetKey("cause_figure")} & made


def test_the_status_does_not_miss_it(settings):
    from gap_assets.pipeline.status import compare_with_ledger
    from gap_assets.settings import default_fingerprints

    warehouse = Warehouse(path=settings.warehouse)
    status = compare_with_ledger(warehouse, settings=default_fingerprints(settings))
    assert "cause" not in str(status)

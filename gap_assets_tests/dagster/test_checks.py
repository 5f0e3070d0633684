"""What an asset check finds in a warehouse."""

import dagster as dg
import polars as pl
import pytest

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.checks import QUERIES
from gap_assets.dagster.runs import open_instance
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put


def evaluated(settings, asset: str, *, tags=None) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of an asset, run by themselves."""
    key = dg.AssetKey(asset)
    selection = dg.AssetSelection.checks_for_assets(key)
    job = dg.define_asset_job("only_checks", selection=selection)
    base = build_definitions(settings)
    definitions = dg.Definitions.merge(base, dg.Definitions(jobs=[job]))
    with open_instance(settings) as instance:
        result = definitions.resolve_job_def("only_checks").execute_in_process(
            instance=instance, tags=tags
        )
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_what_another_run_would_make_again_is_listed_as_out_of_date(copy_of_made):
    assert evaluated(copy_of_made, "video_summaries")["up_to_date"].passed
    changed = remember(copy_of_made.data, prompt="One after the other: {captions}")
    found = evaluated(changed, "video_summaries")["up_to_date"]
    assert not found.passed
    assert found.metadata["found"].value == 5
    rows = found.metadata["rows"].value.records
    assert {row.data["state"] for row in rows} == {"stale"}
    assert evaluated(changed, "filtered_captions")["up_to_date"].passed


def test_one_configuration_lists_the_outlier_and_what_it_was_made_with(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    with warehouse.transaction() as connection:
        connection.execute(
            "INSERT INTO configurations SELECT 'other', asset, code_version, model,"
            " replace(parameters, '2.0', '4.0'), first_used FROM configurations"
            " WHERE asset = 'frames'"
        )
        connection.execute(
            "UPDATE materializations SET settings = 'other'"
            " WHERE asset = 'frames' AND video_id = 'world-0003'"
        )
    found = evaluated(copy_of_made, "frames")["one_configuration"]
    [row] = [record.data for record in found.metadata["rows"].value.records]
    assert row["video_id"] == "world-0003"
    assert '"rate": 4.0' in row["made_with"]
    assert '"rate": 2.0' in row["most_were_made_with"]


@pytest.mark.parametrize(("others", "evaluates"), [(1, False), (0, True)])
def test_only_the_last_run_of_a_backfill_makes_checks(copy_of_made, others, evaluates):
    tags = {"dagster/backfill": "abc"}
    with open_instance(copy_of_made) as instance:
        for number in range(others):
            run = dg.DagsterRun(
                job_name="x", run_id=str(number), status=dg.DagsterRunStatus.STARTED, tags=tags
            )
            instance.add_run(run)
    assert bool(evaluated(copy_of_made, "frames", tags=tags)) == evaluates


def test_the_worst_summaries_are_listed_first_and_good_ones_not_at_all(warehouse):
    rows = pl.DataFrame(
        [
            ("good", True, 0.5, None),
            ("cut", False, 0.0, None),
            ("invented", True, 0.9, None),
            ("invented a little less", True, 0.6, None),
            ("copied", True, 0.0, "example"),
            ("of an older version", None, None, None),
            ("wordless", True, None, None),
        ],
        schema={
            "video_id": pl.String,
            "ended": pl.Boolean,
            "unsupported": pl.Float64,
            "fallback": pl.String,
        },
        orient="row",
    )
    put(warehouse, {"video_summaries": rows}, where={})
    key = dg.AssetCheckKey(dg.AssetKey("video_summaries"), "summaries_supported")
    found = warehouse.read(QUERIES[key])
    assert found["video_id"].to_list() == ["copied", "invented", "invented a little less", "cut"]

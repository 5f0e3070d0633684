import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

import gap_assets.dagster
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.partitions import videos_partitions
from gap_assets.dagster.resources import default_resources
from gap_assets.dagster.runs import open_instance
from gap_assets.dagster.sensors import new_videos
from gap_assets.graph import STEPS, fingerprint
from gap_assets.parameters import Captioning, CocaModel, settings_fingerprint
from gap_assets.settings import Settings, default_fingerprints, remember
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put

START = "dagster/asset_partition_range_start"
NONE = pl.DataFrame()
LATE = ["gap_metrics", "gap_report"]
HEAVY = "torch", "torchvision", "open_clip", "transformers", "umap", "matplotlib", "sklearn"


@pytest.fixture(scope="module")
def graph():
    return build_definitions().resolve_asset_graph()


@pytest.fixture(scope="module")
def of_videos(graph):
    """The assets that are made of videos, which the trainings of `causes` are not."""
    return [node for node in graph.asset_nodes if node.group_name != "causes"]


def test_the_code_location_loads_without_the_heavy_libraries():
    code = f"import sys, gap_assets.definitions; print(*set({HEAVY}) & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_the_status_is_known_without_dagster_and_agrees_with_the_resources(made):
    status = "import sys; from gap_assets.cli import app; app(['status'], standalone_mode=False)"
    result = subprocess.run(
        [sys.executable, "-c", f"{status}; print('dagster' in sys.modules)"],
        env=os.environ | {"GAP_DATA": str(made.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.endswith("False\n")
    for settings in (made, Settings(data=made.data, models="hub", prompt="{captions}")):
        resources = default_resources(settings)
        assert default_fingerprints(settings) == {
            asset: settings_fingerprint(asset, resources.__getitem__) for asset in STEPS
        }


@pytest.mark.parametrize("choice", [CocaModel(model="coca_ViT-L-14", weights="x"), Captioning()])
def test_a_file_of_weights_counts_by_its_content(choice, tmp_path):
    weights = tmp_path / "weights.pt"
    chosen = choice.model_copy(update={"weights": str(weights)})
    fingerprints = [fingerprint(chosen.determines())]
    for content in (b"one", b"other"):
        weights.write_bytes(content)
        fingerprints.append(fingerprint(chosen.determines()))
    assert len(set(fingerprints)) == 3
    assert fingerprint(chosen.determines()) == fingerprints[-1]


def test_the_graph_is_the_lineage(of_videos):
    nodes = {node.key.to_user_string(): node for node in of_videos}
    assert set(nodes) == set(STEPS)
    for asset, step in STEPS.items():
        parents = {key.to_user_string() for key in nodes[asset].parent_keys}
        assert parents == set(step.upstream), asset


def test_every_asset_is_described_owned_and_grouped(graph):
    for node in graph.asset_nodes:
        assert len(node.description) > 60, node.key
        assert node.owners
        assert node.group_name != "default"
        assert "duckdb" in node.kinds
        assert node.code_version
        [source] = node.metadata["dagster/code_references"].code_references
        assert Path(source.file_path).is_relative_to(Path(gap_assets.dagster.__file__).parent)
        if node.key.to_user_string() in TABLES:
            assert node.metadata["dagster/table_name"] == f"gap.main.{node.key.to_user_string()}"


def test_jobs_sensors_and_checks_are_described(settings):
    definitions = build_definitions(settings)
    for job in definitions.jobs:
        assert len(job.description) > 30, job.name
    for sensor in definitions.sensors:
        assert len(sensor.description) > 30, sensor.name
    for check in definitions.resolve_asset_graph().asset_check_keys:
        spec = definitions.resolve_asset_graph().get_check_spec(check)
        assert len(spec.description) > 30, check


def test_nothing_warns_while_the_code_location_loads(settings):
    code = "import gap_assets.definitions"
    command = [sys.executable, "-W", "always", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = [line for line in done.stderr.splitlines() if "gap_assets" in line]
    assert ours == []
    assert "BetaWarning" not in done.stderr


def test_per_video_assets_share_partitions_and_policy(of_videos):
    partitioned = [node for node in of_videos if node.is_partitioned]
    roots = {"videos", "reference_captions"}
    expected = {asset for asset, step in STEPS.items() if step.per_video} - roots
    assert {node.key.to_user_string() for node in partitioned} == expected
    assert {node.partitions_def for node in partitioned} == {videos_partitions}
    assert {node.backfill_policy.max_partitions_per_run for node in partitioned} == {256}


def test_the_sensor_asks_for_new_files_once(settings):
    resources = default_resources(settings)
    shown = {key: resources[key] for key in ("warehouse", "sources")}
    assert new_videos.default_status is dg.DefaultSensorStatus.STOPPED
    first, second = (new_videos(dg.build_sensor_context(resources=shown)) for _ in range(2))
    assert first.run_key == second.run_key
    job = build_definitions(settings).resolve_job_def("catalogue")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
        assert len(instance.get_dynamic_partitions("videos")) == 5
    skipped = new_videos(dg.build_sensor_context(resources=shown))
    assert "All 5 files" in skipped.skip_message


def test_keep_up_takes_a_folder_to_its_report_and_then_asks_for_nothing(settings):
    chosen = remember(settings.data, videos_per_run=2, automate=True)
    definitions = build_definitions(chosen)
    keep_up = definitions.resolve_sensor_def("keep_up")
    assert keep_up.default_status is dg.DefaultSensorStatus.RUNNING
    asked = []
    with open_instance(chosen) as instance:
        for _ in range(4):
            answer = keep_up(dg.build_sensor_context(instance=instance))
            if isinstance(answer, dg.SkipReason):
                break
            for request in answer:
                asked.append((request.job_name, request.tags.get(START)))
                job = definitions.resolve_job_def(request.job_name)
                assert job.execute_in_process(instance=instance, tags=request.tags).success
        assert answer.skip_message == "Everything is current."
        assert asked == [
            ("catalogue", None),
            ("per_video", "world-0000"),
            ("per_video", "world-0002"),
            ("per_video", "world-0004"),
            ("projections_and_report", "world-0000"),
        ]
        # What was asked for once has the same key until something changes.
        put(Warehouse(path=chosen.warehouse), {"materializations": NONE}, where={"asset": LATE})
        twice = [keep_up(dg.build_sensor_context(instance=instance)) for _ in range(2)]
        assert twice[0] == twice[1]
        [request] = twice[0]
        assert request.job_name == "projections_and_report"
        instance.add_run(
            dg.DagsterRun(job_name="x", run_id="x", status=dg.DagsterRunStatus.STARTED)
        )
        answer = keep_up(dg.build_sensor_context(instance=instance))
    assert answer.skip_message.startswith("A run is under way")


def test_scattered_videos_are_gathered_into_few_runs(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    scattered = {"video_id": ["world-0000", "world-0002", "world-0004"]}
    put(warehouse, {"materializations": NONE}, where=scattered)
    settings = remember(copy_of_made.data, videos_per_run=100)
    keep_up = build_definitions(settings).resolve_sensor_def("keep_up")
    with open_instance(settings) as instance:
        [request] = keep_up(dg.build_sensor_context(instance=instance))
    assert (request.job_name, request.tags[START]) == ("per_video", "world-0000")


@pytest.mark.parametrize(("executor", "needed"), [("ray", "dagster-ray"), ("k8s", "dagster-k8s")])
def test_an_executor_that_is_not_installed_is_named(settings, executor, needed, monkeypatch):
    monkeypatch.setitem(sys.modules, needed.replace("-", "_"), None)
    chosen = settings.model_copy(update={"executor": executor})
    with pytest.raises(dg.DagsterInvariantViolationError, match=needed):
        build_definitions(chosen)


def test_import_contracts():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout

import os
import subprocess
import sys

import dagster as dg
import pytest

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.partitions import videos_partitions
from gap_assets.dagster.resources import default_resources
from gap_assets.dagster.sensors import new_videos
from gap_assets.graph import STEPS, fingerprint
from gap_assets.parameters import Captioning, CocaModel, settings_fingerprint
from gap_assets.settings import Settings, default_fingerprints

HEAVY = "torch", "torchvision", "open_clip", "transformers", "umap", "matplotlib", "sklearn"


@pytest.fixture(scope="module")
def graph():
    return build_definitions().resolve_asset_graph()


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


def test_the_graph_is_the_lineage(graph):
    nodes = {node.key.to_user_string(): node for node in graph.asset_nodes}
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


def test_per_video_assets_share_partitions_and_policy(graph):
    partitioned = [node for node in graph.asset_nodes if node.is_partitioned]
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

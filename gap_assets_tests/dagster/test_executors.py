"""What steps ask of a cluster, as the libraries that launch them read it."""

import json
import subprocess
import sys

import pytest

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.executors import choose_executor

MODELS_RUN_IN = {
    "described_frames",
    "filtered_captions",
    "video_summaries",
    "text_embeddings",
    "encoder_embeddings",
    "event_embeddings",
    "untrained_embeddings",
    "cone_profile",
    "pooling_profile",
    "cause_runs",
}


@pytest.fixture(scope="module")
def tags():
    assets = build_definitions().assets
    return {asset.op.name: asset.op.tags for asset in assets}


def test_steps_with_a_model_ask_ray_for_a_gpu(tags):
    configs = pytest.importorskip("dagster_ray.configs")
    needs = {op: configs.RayExecutionConfig.from_tags(tags[op]) for op in tags}
    assert {op for op, need in needs.items() if need.num_gpus} == MODELS_RUN_IN
    # What asks for nothing runs on the head node.
    assert {need.num_cpus for need in needs.values()} == {1}


def test_steps_with_a_model_ask_kubernetes_for_a_gpu(tags):
    job = pytest.importorskip("dagster_k8s.job")
    models = pytest.importorskip("dagster_k8s.models")
    client = pytest.importorskip("kubernetes.client")
    containers = {
        op: models.k8s_model_from_dict(
            client.V1Container,
            {"name": op, **job.get_user_defined_k8s_config(tags[op]).container_config},
        )
        for op in tags
    }
    limited = {op for op, container in containers.items() if container.resources.limits}
    assert limited == MODELS_RUN_IN
    assert all(containers[op].resources.limits == {"nvidia.com/gpu": "1"} for op in limited)


def test_a_cluster_without_gpus_is_asked_for_none(monkeypatch):
    monkeypatch.setenv("GAP_GPUS", "0")
    code = (
        "import json; from gap_assets.definitions import defs;"
        "print(json.dumps([a.op.tags['dagster-ray/config'] for a in defs.assets]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    needs = [json.loads(need) for need in json.loads(done.stdout)]
    assert needs
    assert {need["num_gpus"] for need in needs} == {0}


def test_steps_on_ray_get_the_settings_of_the_run(settings):
    configs = pytest.importorskip("dagster_ray.core.executor")
    executor = choose_executor(settings.model_copy(update={"executor": "ray"}))
    given = executor.config_schema.resolve_config({}).value["config"]["ray"]
    variables = configs.resolve_env_vars_list(given["env_vars"])
    assert variables["GAP_DATA"] == str(settings.data)
    assert variables["GAP_FRAMES_PER_SECOND"] == "2.0"
    # A number here would win over that of every asset.
    assert not given.get("num_gpus")

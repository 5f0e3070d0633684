"""The Kubernetes deployment, checked by what reads it: Kubernetes' models and Dagster's schemas."""

from importlib import import_module
from importlib.resources import files

import dagster as dg
import pytest
import yaml

from gap_assets.dagster.build import build_definitions

client = pytest.importorskip("kubernetes.client", reason="`make cluster` installs it")
models = pytest.importorskip("dagster_k8s.models")

DEPLOYMENT = (files("gap_assets") / "deploy/cluster/kubernetes.yaml").read_text(encoding="utf-8")


def parsed(text: str) -> dict:
    """The objects of the file as Kubernetes' own models, by kind and name."""
    found = {}
    for content in yaml.safe_load_all(text):
        model = getattr(client, f"V1{content['kind']}")
        read = models.k8s_model_from_dict(model, models.k8s_snake_case_dict(model, content))
        found[content["kind"], read.metadata.name] = read
    return found


def instance_config(text: str, home, monkeypatch) -> dict:
    """The file's dagster.yaml as Dagster reads it: each component's config by its key."""
    from dagster._config import process_config
    from dagster._core.instance.ref import InstanceRef
    from dagster._core.workspace.config_schema import process_workspace_config

    objects = parsed(text)
    for name, value in objects["Secret", "gap-assets"].string_data.items():
        monkeypatch.setenv(name, value)
    home.mkdir()
    texts = objects["ConfigMap", "gap-assets-instance"].data
    workspace = process_workspace_config(yaml.safe_load(texts["workspace.yaml"]))
    assert workspace.success, workspace.errors
    (home / "dagster.yaml").write_text(texts["dagster.yaml"])
    ref = InstanceRef.from_dir(str(home))
    components = {"run_launcher": ref.run_launcher_data, "storage": ref.storage_data}
    components |= {"logs": ref.compute_logs_data, "files": ref.local_artifact_storage_data}
    values = {}
    for key, component in components.items():
        read_by = getattr(import_module(component.module_name), component.class_name)
        result = process_config(read_by.config_type(), component.config_dict)
        assert result.success, result.errors
        values[key] = result.value
    return values


@pytest.fixture
def step_pod(tmp_path, monkeypatch):
    """Makes the pod of an asset's step as the executor makes it."""
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job, get_user_defined_k8s_config

    monkeypatch.setattr("kubernetes.config.load_incluster_config", lambda: None)
    config = instance_config(DEPLOYMENT, tmp_path / "home", monkeypatch)["run_launcher"]
    launcher = K8sRunLauncher(**config)
    tags = {asset.op.name: asset.op.tags for asset in build_definitions().assets}

    def make(op: str):
        context = K8sContainerContext.create_for_run(
            dg.DagsterRun(job_name="per_video"), launcher, include_run_tags=False
        ).merge(K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(tags[op])))
        job = construct_dagster_k8s_job(
            context.get_k8s_job_config("gap-assets", launcher),
            args=[],
            job_name="step",
            user_defined_k8s_config=context.run_k8s_config,
        )
        return job.spec.template.spec

    return make


def test_a_step_with_a_model_gets_a_gpu_the_settings_and_the_data(step_pod):
    [container] = step_pod("described_frames").containers
    assert container.resources.limits == {"nvidia.com/gpu": "1"}
    assert "/data" in {mount.mount_path for mount in container.volume_mounts}
    sources = [source.config_map_ref or source.secret_ref for source in container.env_from]
    assert [source.name for source in sources] == ["gap-assets-settings", "gap-assets"]
    [other] = step_pod("gap_metrics").containers
    assert not other.resources.limits


def test_what_pods_refer_to_is_there(step_pod):
    objects = parsed(DEPLOYMENT)
    deployment = objects["Deployment", "gap-assets"].spec.template.spec
    for pod in (deployment, step_pod("described_frames")):
        assert pod.security_context.fs_group == 1000
        assert ("ServiceAccount", pod.service_account_name) in objects
        for volume in pod.volumes:
            claim, config = volume.persistent_volume_claim, volume.config_map
            name = claim.claim_name if claim else config.name
            assert ("PersistentVolumeClaim" if claim else "ConfigMap", name) in objects
        for container in pod.containers:
            for source in container.env_from:
                found = source.config_map_ref or source.secret_ref
                assert ("ConfigMap" if source.config_map_ref else "Secret", found.name) in objects


def test_the_settings_are_settings_of_the_platform(monkeypatch):
    from gap_assets.settings import Settings

    variables = parsed(DEPLOYMENT)["ConfigMap", "gap-assets-settings"].data
    known = {f"GAP_{field.upper()}" for field in Settings.model_fields}
    assert {name for name in variables if name.startswith("GAP_")} <= known
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().executor == "k8s"
    assert "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR" in variables


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("replicas:", "replica:"),
        ("containerPort:", "port:"),
        ("accessModes:", "modes:"),
        ("roleRef:", "role:"),
        ("grpc_server:", "server:"),
        ("granularity:", "grain:"),
        ("max_retries:", "retries:"),
        ("job_namespace:", "namespace:"),
        ("hostname:", "host:"),
        ("volume_mounts:", "volumeMount:"),
        ("{fsGroup: 1000}", "{group: 1000}"),
    ],
)
def test_a_wrong_key_is_found(right, wrong, tmp_path, monkeypatch):
    assert right in DEPLOYMENT
    text = DEPLOYMENT.replace(right, wrong)
    with pytest.raises(Exception, match=wrong.split(":")[0].strip("{")):
        instance_config(text, tmp_path / "home", monkeypatch)

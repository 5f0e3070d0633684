"""Where the steps of a run are executed, by the setting `executor`, and what each needs there."""

from importlib import import_module
from typing import Any

import dagster as dg

from gap_assets.settings import Settings

LIBRARIES = {
    "ray": ("dagster_ray", "ray_executor", "dagster-ray"),
    "k8s": ("dagster_k8s", "k8s_job_executor", "dagster-k8s"),
}


def choose_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor of the code location.

    `in_process` is the default: the models are loaded once per run. The others isolate steps and
    pay for a start and a model load in each.

    Raises:
        dagster.DagsterInvariantViolationError: If the executor's library is not installed.
    """
    if settings.executor == "in_process":
        return dg.in_process_executor
    if settings.executor == "multiprocess":
        return dg.multiprocess_executor
    module, name, package = LIBRARIES[settings.executor]
    try:
        executor: dg.ExecutorDefinition = getattr(import_module(module), name)
    except ImportError as error:
        raise dg.DagsterInvariantViolationError(
            f"The executor {settings.executor} needs the package {package}; install it."
        ) from error
    if settings.executor == "ray":
        # A step starts with the variables of its node, which say nothing of the run's settings.
        values = settings.model_dump(mode="json", exclude_none=True)
        variables = [f"GAP_{field.upper()}={value}" for field, value in values.items()]
        return executor.configured({"ray": {"env_vars": variables}}, name="ray")
    return executor


def needs(*, gpu: bool) -> dict[str, Any]:
    """The tags by which Ray and Kubernetes find a place for a step.

    They are part of an asset's definition, so they follow the settings of the process that loads
    it. Each step asks for a CPU, for Ray runs what asks for nothing on its head node; the CPU is a
    claim, not a bound.

    Args:
        gpu: Whether the step runs a model.
    """
    gpus = Settings().gpus if gpu else 0
    resources = {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": str(gpus)} if gpus else {}}
    return {
        "dagster-ray/config": {"num_cpus": 1, "num_gpus": gpus},
        "dagster-k8s/config": {"container_config": {"resources": resources}},
    }

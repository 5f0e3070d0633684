"""Where the steps of a run are executed, by the setting `executor`."""

from importlib import import_module

import dagster as dg

from gap_assets.settings import Settings

LIBRARIES = {
    "ray": ("dagster_ray", "ray_executor", "dagster-ray"),
    "k8s": ("dagster_k8s", "k8s_job_executor", "dagster-k8s"),
}


def choose_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor of the code location.

    `in_process` is the default: the models are loaded once per run. `multiprocess` isolates steps
    and pays for a start and a model load in each.

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
    return executor

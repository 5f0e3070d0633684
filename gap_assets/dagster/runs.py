"""Runs of the whole graph in this process, on a data folder's real Dagster instance.

They are the runs that a backfill from the UI is cut into: the same jobs, the same ranges of
partitions, visible in the UI afterwards. What runs in them is defined in
`gap_assets.dagster.build`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import dagster as dg

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.jobs import PER_VIDEO, all_videos_assets
from gap_assets.dagster.partitions import range_tags, ranges_with, videos_partitions
from gap_assets.files import disk_full_as_one_sentence, write_atomically
from gap_assets.gap.pairs import MIN_PAIRS
from gap_assets.graph import STEPS
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings
from gap_assets.text import without_class
from gap_assets.warehouse.store import Warehouse

# What a run logs to the console; the instance keeps all of it.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


# Data folders keep their own `dagster.yaml`; those of version 0.1.0 name the launcher's old place.
OLD_LAUNCHER = re.compile(r"\bgap_assets\.launcher\b")
LAUNCHER = "gap_assets.dagster.launcher"


class RunFailedError(Exception):
    """A run did not succeed; the message is the reason that its step gave."""


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The data folder's Dagster instance; a new one gets the setting `deploy`'s configuration."""
    home = settings.dagster_home
    config = home / "dagster.yaml"
    if not config.exists():
        template = files("gap_assets") / "deploy" / settings.deploy / "dagster.yaml"
        write_atomically(config, template.read_bytes())
    elif OLD_LAUNCHER.search(text := config.read_text(encoding="utf-8")):
        write_atomically(config, OLD_LAUNCHER.sub(LAUNCHER, text).encode())
    seen = home / ".nux" / "nux.yaml"  # Else the UI first asks its user to join a community.
    if not seen.exists():
        write_atomically(seen, b"seen: 1\n")
    return dg.DagsterInstance.from_config(str(home))


def dagster_variables(settings: Settings) -> dict[str, str]:
    """The environment in which Dagster's own commands serve the data folder."""
    return {
        "GAP_DATA": str(settings.data),
        "DAGSTER_HOME": str(settings.dagster_home),
        # A backfill waits while the code location cannot be loaded; by default it fails.
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
    }


def run_everything(settings: Settings, *, only: Collection[str] = ()) -> bool:
    """Reads the folder, materialises what is not current for its videos, and makes the report.

    Args:
        settings: Of the data folder.
        only: The videos to work on; none for all. The report is of all that have been made.

    Returns:
        Whether there are enough videos to measure; else the last things made are summaries.

    Raises:
        RunFailedError: If a step failed. Videos that failed are rows of `failures` instead.
        DiskFullError: If there is no space left for what Dagster writes.
    """
    definitions = build_definitions(settings)
    with disk_full_as_one_sentence(settings.data), open_instance(settings) as instance:
        execute = partial(_execute, definitions, instance)
        execute("catalogue", resources={"sources": {"config": {"only": list(only)}}})
        assert videos_partitions.name
        keys = list(instance.get_dynamic_partitions(videos_partitions.name))
        outdated = current_status(settings).videos_to_do(PER_VIDEO)
        wanted = outdated & set(only) if only else outdated
        size = settings.videos_per_run
        for first, last in ranges_with(keys, wanted, size=size, without=outdated - wanted):
            execute("per_video", range_tags(first, last))
        pairs = count_pairs(settings)
        if not pairs:
            raise RunFailedError("No video could be summarised; `failures` says why of each.")
        if pairs < MIN_PAIRS:
            return False
        status = current_status(settings)
        if status.outdated or not (settings.report / "report.html").exists():
            unmade = status.videos_to_do(PER_VIDEO)
            _measure(execute, settings, keys=keys, unmade=unmade)
        return True


def _measure(
    execute: Callable[..., None], settings: Settings, *, keys: Sequence[str], unmade: set[str]
) -> None:
    """Makes what needs all videos; a run over all would wait for those that nobody asked for."""
    if not unmade:
        execute("projections_and_report", range_tags(keys[0], keys[-1]))
        return
    of_all = [asset for asset in STEPS if asset in all_videos_assets(settings)]
    execute("projections_and_report", assets=of_all)
    made = set(keys) - unmade
    for first, last in ranges_with(keys, made, size=settings.videos_per_run, without=unmade):
        execute("projections_and_report", range_tags(first, last), assets=["projections"])


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    tags: dict[str, str] | None = None,
    *,
    assets: Collection[str] = (),
    resources: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Runs a job, or some of its assets, in this process.

    Raises:
        RunFailedError: If a step failed.
    """
    result = definitions.resolve_job_def(job).execute_in_process(
        run_config=QUIET | {"resources": dict(resources)},
        instance=instance,
        tags=tags,
        asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailedError(_reason(result))


def count_pairs(settings: Settings) -> int:
    """How many videos have both a summary and an embedding."""
    [(count,)] = Warehouse(path=settings.warehouse).tuples(
        "SELECT count(*) FROM (SELECT video_id FROM materializations WHERE n_rows > 0"
        " AND asset IN ('video_summaries', 'video_embeddings') GROUP BY video_id"
        " HAVING count(*) = 2)"
    )
    return int(count)


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """The first step's own words, without the stack that the UI shows."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error and (data.error.cause or data.error)
            said = without_class(error.message) if error else ""
            return said or f"{event.step_key} failed."
    return "The run failed before its first step."

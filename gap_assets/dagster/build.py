"""Assembles the code location; tests and the command line call it as Dagster does."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from gap_assets.dagster import assets, checks, executors, jobs, partitions, resources, sensors
from gap_assets.settings import Settings

all_assets = [
    asset
    for asset in dg.load_assets_from_package_module(assets)
    if isinstance(asset, dg.AssetsDefinition)
]


def build_definitions(
    settings: Settings | None = None, *, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """The assets, checks, jobs, sensors and resources of one data folder.

    Args:
        settings: The data folder's settings; by default those of `GAP_DATA`.
        resource_overrides: Resources that take the place of the settings' own, by key.
    """
    settings = settings or Settings()
    all_jobs = jobs.all_jobs(settings)
    policy = partitions.backfill_policy(settings.videos_per_run)
    return dg.Definitions(
        assets=_with_source_code(
            [
                asset.with_attributes(backfill_policy=policy)
                if asset.partitions_def == partitions.videos_partitions
                else asset
                for asset in all_assets
            ]
        ),
        asset_checks=[checks.checks],
        jobs=all_jobs,
        sensors=sensors.all_sensors(settings, jobs=all_jobs),
        resources={**resources.default_resources(settings), **(resource_overrides or {})},
        executor=executors.choose_executor(settings),
    )


def _with_source_code(definitions: list[dg.AssetsDefinition]) -> Sequence[Any]:
    """Assets that link to their source in the UI."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.with_source_code_references(definitions)

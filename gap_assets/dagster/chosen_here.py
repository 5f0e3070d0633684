"""What a run chooses otherwise than its data folder, said at the start of the run's log."""

from collections.abc import Collection
from typing import Any

import dagster as dg

from gap_assets.dagster.resources import CHOSEN
from gap_assets.graph import ROOTS, STEPS
from gap_assets.pipeline.changed_settings import other_than_the_folders


def tell_other_choices(context: dg.AssetExecutionContext, assets: Collection[str]) -> None:
    """Says of the whole run's config what `gap.toml` has otherwise, in the run's first step.

    Args:
        context: The run.
        assets: What the step makes.
    """
    selected = {key.to_user_string() for key in context.job_def.asset_layer.selected_asset_keys}
    made = [asset for asset in STEPS if asset in selected and asset not in ROOTS]
    configs: Any = context.run.run_config.get("resources", {})
    given = {key: config for key, config in configs.items() if key in CHOSEN}
    if not given or made[0] not in assets:
        return
    definitions = context.job_def.resource_defs
    with dg.build_resources(
        {key: definitions[key] for key in given},
        instance=context.instance,
        resource_config=given,
    ) as resources:
        here = {key: getattr(resources, key) for key in given}
    # The defaults of a resource's class are the folder's values.
    folder = {key: type(choice)() for key, choice in here.items()}
    if differs := other_than_the_folders(here, folder, assets=made):
        context.log.warning(differs)

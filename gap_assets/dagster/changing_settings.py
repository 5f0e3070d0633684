"""The job that changes a data folder's `gap.toml` from the UI, and has the UI offer the new values.

What a change means is the core's business (`gap_assets.pipeline.settings_change`). A choice for one
run only is resource config (`gap_assets.dagster.resources`).
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import ValidationError, create_model

from gap_assets.dagster.resources import CHOSEN
from gap_assets.pipeline.changed_settings import value_in_words
from gap_assets.pipeline.settings_change import change_settings
from gap_assets.settings import Settings, SettingsFileError, refusal

UI_URL = "GAP_UI_URL"
SETTINGS = ("models", "frames_per_second", "controls", "videos_per_run", "automate")
"""What can be set from the UI besides parameters; the rest is the machine's, or `gap run`'s."""
BUTTON = "press Deployment > Reload, and the launchpad offers the new values."


def settings_job(settings: Settings) -> dg.JobDefinition:
    """The job of a data folder."""

    @dg.op(
        name="settings",
        description="What is left out stays as it is. A bad value is refused, and nothing written.",
        config_schema=_schema(),
        out=dg.Out(dg.Nothing),
    )
    def change(context: dg.OpExecutionContext) -> Iterator[dg.Output[None]]:
        yield dg.Output(None, metadata=_change(context, settings))
        _reload(context)

    @dg.job(
        name="change_settings",
        description="Changes what this data folder remembers in gap.toml, as `gap config --set`"
        " does: in the launchpad, set fields of the op `settings`, or name some in `unset`. The run"
        " says what was changed and what is stale by it; the next run makes that again.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        change()

    return job


def _schema() -> dict[str, dg.Field]:
    """A field for every setting and parameter, as the launchpad has them, none of them required.

    `unset` has a default, so that a launchpad opens with the place to write the others.
    """
    fields: dict[str, Any] = {
        name: (Settings.model_fields[name].annotation, Settings.model_fields[name])
        for name in SETTINGS
    }
    own: type[dg.Config] = create_model("Changes", __base__=dg.Config, **fields)
    groups = {
        key: dg.Field(_optional(resource), is_required=False, description=resource.__doc__)
        for key, resource in CHOSEN.items()
    }
    unset = dg.Field(
        [str],
        default_value=[],
        description="Names to take out of gap.toml, whose defaults hold again; for instance"
        " [frames_per_second, caption_filter.method].",
    )
    return {**_optional(own), **groups, "unset": unset}


def _optional(config: type[dg.Config | dg.ConfigurableResource[Any]]) -> dict[str, dg.Field]:
    shape: Any = config.to_config_schema().config_type
    return {
        name: dg.Field(
            getattr(field.config_type, "inner_type", field.config_type),
            is_required=False,
            description=field.description,
        )
        for name, field in shape.fields.items()
    }


def _change(context: dg.OpExecutionContext, settings: Settings) -> dict[str, Any]:
    """Changes the file, says what that means, and gives it as metadata.

    Raises:
        dagster.Failure: With what is wrong, as one sentence.
    """
    given = dict(context.op_config)
    unset = given.pop("unset")
    try:
        change = change_settings(settings.data, values=_by_name(given), unset=unset)
    except ValidationError as error:
        raise dg.Failure(refusal(error), allow_retries=False) from None
    except SettingsFileError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for sentence in change.in_words():
        context.log.info(sentence)
    changed = {
        name: f"{value_in_words(old)} → {value_in_words(new)}"
        for name, (old, new) in change.values.items()
    }
    return changed | {f"{asset}, stale": count for asset, count in change.stale.items()}


def _by_name(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in CHOSEN:
            values |= {f"{name}.{field}": each for field, each in value.items()}
        else:
            values[name] = value
    if sampling := values.get("sampling.sampling"):
        [(kind, fields)] = sampling.items()
        values["sampling.sampling"] = {"kind": kind, **fields}
    return values


def _reload(context: dg.OpExecutionContext) -> None:
    """Has the UI load the code location anew: a launchpad's defaults are those of its last load."""
    url, origin = os.environ.get(UI_URL), context.run.remote_job_origin
    if not url or not origin:
        context.log.info(f"In the UI, {BUTTON}")
        return
    from dagster_graphql import DagsterGraphQLClient, ReloadRepositoryLocationStatus

    place = urlsplit(url)
    try:
        client = DagsterGraphQLClient(str(place.hostname), port_number=place.port, timeout=60)
        done = client.reload_repository_location(origin.location_name)
    except Exception as error:  # The settings are changed, whatever the UI does.
        context.log.warning(f"The UI at {url} did not reload ({error}); {BUTTON}")
        return
    if done.status == ReloadRepositoryLocationStatus.SUCCESS:
        context.log.info("The UI has reloaded: its launchpad offers the new values.")
    else:
        context.log.warning(f"The UI at {url} could not reload ({done.message}); {BUTTON}")

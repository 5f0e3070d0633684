"""The command that shows and removes what a data folder remembers."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from gap_assets.cli.app import app
from gap_assets.cli.console import console
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data
from gap_assets.profiles import PROFILES, display_name
from gap_assets.settings import Settings, default_parameters, forget, origins
from gap_assets.text import printable


@app.command()
def config(
    data: Data,
    unset: Annotated[
        list[str] | None, typer.Option(help="Take a setting out of gap.toml.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,  # noqa: FBT002
) -> None:
    """Show the settings of a data folder and where each comes from, or unset some."""
    with one_sentence():
        if unset:
            forget(data.absolute(), *(name.replace("-", "_").lower() for name in unset))
        settings = Settings(data=data.absolute())
        found = origins(settings)
        chosen = of_profile(settings)
    values = {name: shown(getattr(settings, name)) for name in found}
    for name in chosen:
        if values[name] is None:
            values[name], found[name] = chosen[name], f"the profile {settings.models}"
    if as_json:
        told = {name: {"value": values[name], "from": found[name]} for name in found}
        print(json.dumps(told, ensure_ascii=False))
        return
    table = Table("setting", "value", "from")
    for name, origin in found.items():
        table.add_row(name, escape(printable(values[name] or "")), origin)
    console.print(table)


def of_profile(settings: Settings) -> dict[str, str]:
    """The models that a data folder has from its profile where it names none itself."""
    chosen: Mapping[str, Any] = default_parameters(settings)
    coca, summarizer = chosen["coca"], chosen["summarizer"]
    names = {
        "encoders": ", ".join(PROFILES[settings.models].encoders),
        "coca": display_name(coca.model),
        "weights": coca.weights,
        "summarizer": display_name(summarizer.model),
    }
    return {name: value for name, value in names.items() if value is not None}


def shown(value: object) -> str | None:
    """A setting as text; None where nothing is set."""
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value) or None
    return None if value is None else str(value)

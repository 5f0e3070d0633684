"""The command that shows and changes what a data folder remembers."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from gap_assets.cli.app import FOLDER, app
from gap_assets.cli.console import console, print_notes
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data
from gap_assets.profiles import display_name
from gap_assets.settings import Settings, forget, in_force, origins
from gap_assets.text import printable

RELOAD = "A launchpad that is open now shows it after Deployment > Reload."
SET_ELSEWHERE = {
    "data": "The option --data names the data folder.",
    # Another folder of videos would leave the results of this one behind.
    **dict.fromkeys(("videos", "more_videos"), "`gap run FOLDER` says where the videos are."),
}


def name_and_value(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` in two; what begins as JSON's lists and objects do is read as JSON."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text} has no =; write NAME=VALUE.")
    name = _own_spelling(name)
    if name in SET_ELSEWHERE:
        raise typer.BadParameter(SET_ELSEWHERE[name])
    if not value.startswith(("{", "[")):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise typer.BadParameter(f"The value of {name} is not JSON ({error}).") from error


@app.command(rich_help_panel=FOLDER)
def config(
    data: Data,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Write a setting or a parameter into gap.toml; may be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option(help="Take a setting out of gap.toml.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,  # noqa: FBT002
) -> None:
    """Show the settings of a data folder and where each comes from, or change some."""
    values = dict(map(name_and_value, change or ()))
    names = [_own_spelling(name) for name in unset or ()]
    data = data.absolute()
    with one_sentence():
        told = _change(data, values, names) if values else []
        if names and not values:  # A file that is wrong is mended name by name.
            forget(data, *names)
        settings = Settings(data=data)
        found, origin = in_force(settings), origins(settings)
    shown = {name: _shown(name, value) for name, value in found.items()}
    if as_json:
        as_object = {name: {"value": shown[name], "from": origin[name]} for name in found}
        print(json.dumps(as_object, ensure_ascii=False))
        return
    table = Table(Column("setting", no_wrap=True), Column("value", overflow="fold"), "from")
    for name in found:
        table.add_row(name, escape(printable(shown[name] or "")), origin[name])
    console.print(table)
    print_notes(told)


def _change(data: Path, values: dict[str, Any], unset: list[str]) -> list[str]:
    """Changes gap.toml, and says what that means."""
    from gap_assets.pipeline.settings_change import change_settings

    return [*change_settings(data, values=values, unset=unset).in_words(), RELOAD]


def _own_spelling(name: str) -> str:
    return name.strip().replace("-", "_").lower()


def _shown(name: str, value: object) -> str | None:
    """A setting as text; None where nothing is set."""
    if name == "encoders" and not value:
        return "none"
    if isinstance(value, (tuple, list)):
        return ", ".join(str(part) for part in value) or None
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    if value is None:
        return None
    return display_name(str(value)) if name in ("coca", "summarizer") else str(value)

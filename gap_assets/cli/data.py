"""Commands on a data folder: what is in it, and what gets into it besides runs."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gap_assets.cli.app import FOLDER, LOOK, app
from gap_assets.cli.console import console, print_notes, print_warning, progress_bars
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data
from gap_assets.cli.rows import as_csv, as_parquet, print_rows
from gap_assets.settings import Settings, remember

MORE_STATES = ("later", "excluded", "gone", "duplicate")


@app.command(rich_help_panel=LOOK)
def status(data: Data) -> None:
    """Show, per asset, how many videos are current, stale, failed and missing."""
    from gap_assets.pipeline.intake import folder_changes
    from gap_assets.pipeline.status import current_status

    with one_sentence():
        settings = existing(data)
        counts = current_status(settings).counts()
        notes = folder_changes(settings).in_words()
    states = ["current", "stale", "failed", "missing"]
    states += [state for state in MORE_STATES if any(count[state] for count in counts.values())]
    table = Table("asset", *states)
    for asset, count in counts.items():
        table.add_row(asset, *(str(count[state] or "") for state in states))
    console.print(table)
    print_notes(notes)
    print_warning(settings)


@app.command(rich_help_panel=LOOK)
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT on the warehouse's tables.")],
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON.")] = False,  # noqa: FBT002
    csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV.")] = False,  # noqa: FBT002
    parquet: Annotated[
        Path | None, typer.Option(help="Write the rows to a Parquet file.", dir_okay=False)
    ] = None,
) -> None:
    """Run SQL on the warehouse, read-only; waits while a run is writing."""
    from gap_assets.files import write_atomically
    from gap_assets.warehouse.store import Warehouse

    if as_json + csv + bool(parquet) > 1:
        raise typer.BadParameter("Choose one of --json, --csv and --parquet.")
    with one_sentence():
        rows = Warehouse(path=existing(data).warehouse).query(sql)
        if parquet:
            write_atomically(parquet.absolute(), as_parquet(rows))
    if as_json:
        print(json.dumps(rows.to_dicts(), default=str, ensure_ascii=False))
    elif csv:
        print(as_csv(rows), end="")
    elif parquet:
        console.print(f"{len(rows)} rows are in {parquet}.", markup=False, soft_wrap=True)
    else:
        print_rows(rows)


@app.command(rich_help_panel=FOLDER)
def fetch_activitynet(
    data: Data,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A folder that holds the pieces of the archive, or the videos; not the hub.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(help="A captions file or a folder of them; not the data set's.", exists=True),
    ] = None,
) -> None:
    """Download ActivityNet Captions, or take it from files at hand, for `gap run` and `gap dev`."""
    from gap_assets.activitynet import fetch
    from gap_assets.progress import listening

    with one_sentence(), progress_bars() as listener, listening(listener):
        found = fetch.fetch_activitynet(
            data.absolute() / "activitynet",
            source=source and source.absolute(),
            captions=captions and captions.absolute(),
            tell=partial(console.print, markup=False, highlight=False, soft_wrap=True),
        )
        remember(data, videos=found.videos, captions=found.captions)
    next_step = f"Next: gap run --models hub --data {shlex.quote(str(data))}"
    console.print(next_step, markup=False, highlight=False, soft_wrap=True)


@app.command(rich_help_panel=FOLDER)
def compact(data: Data) -> None:
    """Merge the small files of a DuckLake warehouse; others read and write meanwhile, in turns."""
    from gap_assets.warehouse.store import Warehouse

    with one_sentence():
        Warehouse(path=existing(data).warehouse).compact()


def existing(data: Path) -> Settings:
    """The settings of a data folder that has been run.

    Raises:
        FileNotFoundError: If it holds no warehouse.
    """
    from gap_assets.warehouse.store import Warehouse

    settings = Settings(data=data.absolute())
    if not Warehouse(path=settings.warehouse).exists():
        raise FileNotFoundError(
            f"{settings.data} holds no warehouse; name the folder with --data, or fill it with"
            " `gap run` or `gap demo`."
        )
    return settings

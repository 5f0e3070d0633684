"""The command that writes what a data folder holds for others."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gap_assets.cli.app import LOOK, app
from gap_assets.cli.console import console, print_notes, progress_bars
from gap_assets.cli.data import existing
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data, path_or_refusal

MEGABYTE = 10**6
MOST_MB = 10**6  # a terabyte
PARTS = {
    "site": "index.html, the pairs on a page",
    "tables": "tables/, Parquet of every table",
    "dataset": "dataset/, for Hugging Face datasets",
    "report": "report.html, report.json, figures/",
}


@app.command(rich_help_panel=LOOK)
def export(
    target: Annotated[
        Path,
        typer.Argument(
            help="The folder, or a file that ends in .zip.",
            parser=path_or_refusal,
            metavar="TARGET",
        ),
    ],
    data: Data,
    thumbnails: Annotated[
        float, typer.Option(help="MB that the page's pictures may take.", min=0, max=MOST_MB)
    ] = 50.0,
    pictures: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--pictures/--no-pictures", help="Frames in the tables and the data set."),
    ] = True,
) -> None:
    """Write a page for any web server, Parquet, a data set and the report, as a folder or a zip."""
    from gap_assets.export.destination import check_destination, is_zip
    from gap_assets.export.parts import expected_bytes, write_export
    from gap_assets.progress import listening

    allowed = round(thumbnails * MEGABYTE)
    target = target.absolute()
    with one_sentence():
        settings = existing(data)
        check_destination(target)
        expected = expected_bytes(settings, thumbnails_bytes=allowed, pictures=pictures)
        _print_sizes("Will be written, about", {k: size for k, size in expected.items() if size})
        if not pictures:
            everything = expected_bytes(settings, thumbnails_bytes=allowed, pictures=True)
            saved = sum(everything.values()) - sum(expected.values())
            print_notes([f"The frames' pictures are left out, which saves {_size(saved)}."])
        with progress_bars() as listener, listening(listener):
            written = write_export(
                settings,
                target,
                thumbnails_bytes=allowed,
                pictures=pictures,
                needed=sum(expected.values()),
            )
    _print_sizes("Written", written)
    if "site" not in written:
        print_notes(["There is no page yet: no video has both embeddings; `gap run` makes them."])
    if "report" not in written:
        print_notes(["There is no report yet; `gap run` makes it."])
    if is_zip(target):
        print_notes([f"{target} is {_size(target.stat().st_size)}; unpack it to serve it."])
    else:
        print_notes([f"Serve it: python -m http.server -d {shlex.quote(str(target))}"])


def _print_sizes(title: str, sizes: dict[str, int]) -> None:
    table = Table("", "size", title=title)
    for part, size in sizes.items():
        table.add_row(PARTS[part], _size(size))
    table.add_section()
    table.add_row("all of it", _size(sum(sizes.values())))
    console.print(table)


def _size(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"

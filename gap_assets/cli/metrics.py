"""Commands on numbers: the report, two of them compared, and anyone's embeddings."""

import json
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gap_assets.cli.app import LOOK, MEASURE, app
from gap_assets.cli.console import console, interval_text
from gap_assets.cli.data import existing
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data, path_or_refusal


@app.command(rich_help_panel=LOOK)
def report(
    context: typer.Context,
    data: Data,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,  # noqa: FBT002
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            help="Two data folders, put side by side on a page in --data, or else in the first."
        ),
    ] = None,
) -> None:
    """Print where the gap report is, or write a page that compares two data folders."""
    with one_sentence():
        if compare:
            from gap_assets.gap.reporting.comparison import compare_reports

            # Without a folder of its own the page goes to the first of the two.
            source = context.get_parameter_source("data")
            unnamed = source is not None and source.name == "DEFAULT"
            into = (compare[0] if unnamed else data).absolute()
            page = compare_reports(*(_report(folder) for folder in compare), into=into)
        else:
            page = _report(data).with_suffix(".html")
    print(page)
    if show:
        webbrowser.open(page.as_uri())


@app.command(rich_help_panel=MEASURE)
def metrics(
    video: Annotated[
        Path,
        typer.Option(
            help="Embeddings of the videos, one row each: FILE.npy, FILE.npz[:NAME] or"
            " FILE.parquet[:COLUMN].",
            metavar="FILE",
        ),
    ],
    text: Annotated[
        Path, typer.Option(help="Embeddings of their texts, row for row.", metavar="FILE")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="All numbers as JSON.")] = False,  # noqa: FBT002
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write the whole report with figures into this folder.",
            parser=path_or_refusal,
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Measure anyone's paired embeddings, without Dagster or a warehouse."""
    from gap_assets import gap

    if report is not None:
        with one_sentence():
            _report_of_files(video, text, report.absolute())
        return
    with one_sentence():
        found = gap.scorecard_of_files(video, text)
    if as_json:
        print(json.dumps(gap.as_json(found)))
        return
    table = Table("metric", "value", "95 % interval")
    for metric in found:
        bounds = interval_text(metric.ci_low, metric.ci_high)
        table.add_row(metric.name, f"{metric.value:.4f}", bounds)
    console.print(table)


def _report_of_files(video: Path, text: Path, folder: Path) -> None:
    """Writes the report of two arrays and prints its verdict and its page."""
    from gap_assets import gap

    found = gap.report(gap.load_embeddings(video), gap.load_embeddings(text))
    files = found.save(folder)
    console.print(found.verdict)
    print(files.html)


def _report(data: Path) -> Path:
    """The numbers of a data folder's report; the page lies beside them."""
    numbers = existing(data).report / "report.json"
    if not numbers.exists():
        raise FileNotFoundError(f"There is no report in {data} yet; `gap run` makes it.")
    return numbers

"""What the command `gap` prints: tables, bars, the headlines of a run, errors as one sentence."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gap_assets.cli.plain_progress import plain_lines, redraws
from gap_assets.profiles import PROFILES
from gap_assets.settings import Settings
from gap_assets.text import printable

if TYPE_CHECKING:
    import polars as pl

    from gap_assets.pipeline.estimate import Estimate
    from gap_assets.pipeline.model_check import ModelStatus

console = Console(emoji=False)

HEADLINES = {
    "centroid_gap": "modality gap (distance of the centroids)",
    "cone_video": "cone of the videos (mean cosine)",
    "cone_text": "cone of the texts (mean cosine)",
    "paired_cosine": "cosine of a video and its own text",
    "mismatched_cosine": "cosine of a video and another's text",
    "rmg": "relative modality gap (RMG)",
}


@contextmanager
def progress_bars() -> Iterator[Any]:
    """One bar per asset, as their chunks are committed, or lines where none can be drawn."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, Any] = {}
    with _own_stdout() as stdout, ExitStack() as shown:
        if not redraws(stdout):
            yield plain_lines(lambda line: print(line, file=stdout, flush=True))
            return
        own = Console(emoji=False, file=stdout)
        progress = Progress(*columns, TimeElapsedColumn(), console=own)

        def listener(asset: str, done: int, total: int) -> None:
            if not tasks:  # not before, so that others' bars can be seen until then
                shown.enter_context(progress)
            if asset not in tasks:
                tasks[asset] = progress.add_task(asset, total=total)
            progress.update(tasks[asset], completed=done, total=total)

        yield listener


@contextmanager
def _own_stdout() -> Iterator[IO[str]]:
    """Stdout under a descriptor of its own: Dagster points descriptor 1 elsewhere during a step."""
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):  # It is no file, as in a test.
        yield sys.stdout
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stdout:
        yield stdout


def print_headlines(settings: Settings) -> None:
    """Prints what a finished run found, and where its report and its numbers are."""
    from gap_assets.warehouse.store import Warehouse

    content = json.loads((settings.report / "report.json").read_text(encoding="utf-8"))
    main = content["plan"]
    sides = {"encoder": main["encoder"], "video_source": main["video"], "text_source": main["text"]}
    values = {row["metric"]: row for row in content["metrics"] if sides.items() <= row.items()}
    table = Table("", "value", "95 % interval")
    for metric, title in HEADLINES.items():
        row = values[metric]
        table.add_row(title, f"{row['value']:.3f}", interval_text(row["ci_low"], row["ci_high"]))
    console.print(escape(content["verdict"]))
    console.print(table)
    warehouse = Warehouse(path=settings.warehouse)
    failed = warehouse.query("SELECT count(DISTINCT video_id) AS n FROM failures")["n"][0]
    if failed:
        console.print(f"{failed} videos failed; the table `failures` has the reasons.")
    print_warning(settings)
    console.print(f"report     {settings.report / 'report.html'}", markup=False, soft_wrap=True)
    console.print(f"warehouse  {settings.warehouse}", markup=False, soft_wrap=True)


def print_warning(settings: Settings) -> None:
    """Prints a line where the models do not know what the videos show."""
    from gap_assets.pipeline.familiarity import unfamiliar_videos
    from gap_assets.warehouse.store import Warehouse

    warehouse = Warehouse(path=settings.warehouse)
    if warning := unfamiliar_videos(warehouse, PROFILES[settings.models]):
        console.print(f"[yellow]{escape(warning)}[/yellow]")


def print_models(models: "Sequence[ModelStatus]") -> None:
    """Prints which models a run uses, what is on this machine, and what would be downloaded."""
    from gap_assets.hub import cache_directory, free_space
    from gap_assets.pipeline.model_check import download_bytes

    table = Table("for", "model", "files", "size", "memory", title="models")
    for model in models:
        place = "on this machine" if model.here else "to be downloaded"
        size, memory = f"{model.bytes / 1e9:.3g} GB", f"{model.memory / 1e9:.3g} GB"
        table.add_row(model.role, escape(model.name), place, size, memory)
    console.print(table)
    if needed := download_bytes(models):
        console.print(
            f"To be downloaded: {needed / 1e9:.3g} GB into {cache_directory()}, where"
            f" {free_space() / 1e9:.3g} GB are free.",
            markup=False,
            soft_wrap=True,
        )


def print_estimate(found: "Estimate") -> None:
    """Prints what a folder will cost."""
    table = Table("", "", title="per step")
    for step, seconds in found.seconds.items():
        table.add_row(step, f"{timedelta(seconds=round(seconds))}")
    table.add_section()
    table.add_row("all of them", f"{timedelta(seconds=round(found.total_s))}")
    console.print(
        f"{found.videos} videos, {found.hours:.2f} hours: {found.frames} frames,"
        f" {found.image_bytes / 1e9:.3g} GB in the warehouse."
    )
    if found.unreadable:
        console.print(f"{found.unreadable} files cannot be read; the run will say why.")
    console.print(table)
    console.print(f"Most of the time goes to {found.bound}. {found.rates}")
    console.print("Projections, metrics and the report come on top, once for all videos.")


def interval_text(low: float | None, high: float | None) -> str:
    """An interval as text, empty where there is none."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def print_rows(rows: "pl.DataFrame") -> None:
    """Prints all rows and columns; whatever a cell holds is shown as text."""
    table = Table(*(escape(printable(name)) for name in rows.columns))
    for row in rows.iter_rows():
        table.add_row(*(escape(_text(cell)) for cell in row))
    console.print(table)


def _text(cell: Any) -> str:
    """A cell as printable text, and a number without a float's tail."""
    text = "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return printable(text)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turns what a user can fix into one sentence and exit status 1."""
    try:
        yield
    except Exception as error:
        message = _sentence(error)
        if message is None:
            raise
        Console(stderr=True).print(f"gap: {printable(message)}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _sentence(error: Exception) -> str | None:
    """What a user can fix, in a sentence."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        return f"{field}: {message}" if field else message
    # Our own errors say what is wrong and what to do.
    ours = isinstance(error, OSError) or type(error).__module__.startswith("gap_assets.")
    return str(error) if ours else None

"""What the command `gap` prints while it works and at the end: bars, tables, headlines."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gap_assets.cli.plain_progress import plain_lines, redraws
from gap_assets.profiles import PROFILES
from gap_assets.settings import Settings
from gap_assets.text import printable

if TYPE_CHECKING:
    from gap_assets.pipeline.dry_run import Work
    from gap_assets.pipeline.estimate import Estimate
    from gap_assets.pipeline.model_check import ModelStatus

console = Console(emoji=False)

HEADLINES = {
    "centroid_gap_debiased": "modality gap (distance of the centroids)",
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
    print_left_out(settings)
    console.print(f"report     {settings.report / 'report.html'}", markup=False, soft_wrap=True)
    console.print(f"warehouse  {settings.warehouse}", markup=False, soft_wrap=True)


def print_summaries(settings: Settings) -> None:
    """Prints what a run made of videos that are too few to measure, and why there is no gap."""
    from gap_assets.gap.pairs import MIN_PAIRS
    from gap_assets.warehouse.store import Warehouse

    warehouse = Warehouse(path=settings.warehouse)
    summaries = warehouse.tuples("SELECT video_id, summary FROM video_summaries ORDER BY video_id")
    table = Table("video", "summary")
    for video, summary in summaries:
        table.add_row(escape(video), escape(printable(summary)))
    console.print(table)
    count = f"{len(summaries)} video{'s' if len(summaries) > 1 else ''}"
    console.print(
        f"There is no gap report: it needs at least {MIN_PAIRS} videos with a summary, and"
        f" {count} {'have' if len(summaries) > 1 else 'has'} one.",
        soft_wrap=True,
    )
    print_left_out(settings)
    print_warning(settings)
    console.print(f"warehouse  {settings.warehouse}", markup=False, soft_wrap=True)


def print_left_out(settings: Settings) -> None:
    """Prints how many videos failed, and how many are left out for another reason."""
    from gap_assets.pipeline.intake import folder_changes
    from gap_assets.pipeline.left_out import why_left_out
    from gap_assets.warehouse.store import Warehouse

    found = Warehouse(path=settings.warehouse).tuples(
        "SELECT v.error, f.video_id IS NOT NULL FROM videos v LEFT JOIN"
        " (SELECT DISTINCT video_id FROM failures) f USING (video_id)"
    )
    told = {
        "excluded": "excluded by excluded.txt",
        "gone": "gone: the files are not there any more",
        "duplicate": "the same file as another, which counts once",
    }
    counts = Counter(why_left_out(error) or ("failed" if failed else "") for error, failed in found)
    lines = [f"{counts[state]} left out, {what}." for state, what in told.items() if counts[state]]
    if counts["failed"]:
        lines.append(f"{counts['failed']} videos failed; the table `failures` has the reasons.")
    print_notes([*lines, *folder_changes(settings).in_words()])


def print_notes(notes: Sequence[str]) -> None:
    """Prints sentences, one a line; what they quote is shown as text."""
    for note in notes:
        console.print(printable(note), markup=False, highlight=False, soft_wrap=True)


def print_planned_work(work: "Mapping[str, Work]") -> None:
    """Prints what a run would do."""
    table = Table("asset", "to make", "to make again", "current", title="A run would do this")
    for asset, each in work.items():
        numbers = (each.first, each.again, each.skipped)
        table.add_row(asset, *(str(number or "") for number in numbers))
    console.print(table)


def print_warning(settings: Settings) -> None:
    """Prints a line where the models do not know what the videos show."""
    from gap_assets.pipeline.familiarity import unfamiliar_videos
    from gap_assets.warehouse.store import Warehouse

    warehouse = Warehouse(path=settings.warehouse)
    if warning := unfamiliar_videos(warehouse, PROFILES[settings.models]):
        print_caution(warning)


def print_caution(warning: str) -> None:
    """Prints a sentence that a reader must not pass over."""
    console.print(f"[yellow]{escape(printable(warning))}[/yellow]")


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

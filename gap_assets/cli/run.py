"""Commands that make something of videos: `gap run`, and `gap demo` on drawn ones."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gap_assets.cli.app import MEASURE, app
from gap_assets.cli.console import (
    print_caution,
    print_headlines,
    print_notes,
    print_planned_work,
    print_summaries,
    progress_bars,
)
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.models import fetch_models
from gap_assets.cli.options import (
    Add,
    CaptionWeights,
    CocaName,
    Data,
    DryRun,
    EncoderNames,
    FramesPerSecond,
    Models,
    PromptFile,
    SummarizerName,
    Weights,
    path_or_refusal,
)
from gap_assets.settings import Settings, choose, remember

DEMO_VIDEOS = 24
DEMO_SEED = 7


@app.command(rich_help_panel=MEASURE)
def demo(data: Data) -> None:
    """Draw sample videos and take them all the way to a gap report, offline."""
    from gap_assets.files import disk_full_as_one_sentence
    from gap_assets.world.samples import write_samples

    videos = data.absolute() / "videos"
    with one_sentence(), disk_full_as_one_sentence(videos):
        captions = write_samples(videos, count=DEMO_VIDEOS, seed=DEMO_SEED)
    # Two frames a second show the drawn stories, whose turns take less than one.
    chosen = {"captions": captions, "frames_per_second": 2.0}
    with one_sentence():
        _run(data.absolute(), Asked(place=videos), chosen)


@app.command(rich_help_panel=MEASURE)
def run(
    data: Data,
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="The folder of the videos, or one video.",
            show_default="the one of the last run",
            parser=path_or_refusal,
        ),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="Human captions: a JSON, JSON lines or CSV file, or a folder of them.",
            parser=path_or_refusal,
            metavar="FILE|FOLDER",
        ),
    ] = None,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    encoders: EncoderNames = None,
    prompt_file: PromptFile = None,
    frames_per_second: FramesPerSecond = None,
    controls: Annotated[
        bool | None,
        typer.Option(
            "--controls/--no-controls",
            help="Whether untrained networks and the cone by depth are measured, too, or later.",
            show_default="--controls",
        ),
    ] = None,
    add: Add = False,  # noqa: FBT002
    only: Annotated[
        list[str] | None, typer.Option(help="Only this video; may be repeated.", metavar="ID")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out this video from now on; may be repeated.", metavar="ID"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only so many videos, the first by path.", min=1)
    ] = None,
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Materialise everything for a folder of videos. What is current already is skipped."""
    chosen = {
        "captions": captions and captions.absolute(),
        "models": models,
        "coca": coca,
        "weights": weights,
        "caption_weights": caption_weights,
        "summarizer": summarizer,
        "prompt_file": prompt_file and prompt_file.absolute(),
        "frames_per_second": frames_per_second,
        "controls": controls,
        "encoders": encoders,
    }
    asked = Asked(
        place=directory and directory.absolute(),
        add=add,
        only=tuple(only or ()),
        exclude=tuple(exclude or ()),
        limit=limit,
    )
    with one_sentence():
        _run(data.absolute(), asked, chosen, dry_run=dry_run)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which videos the command line names.

    Attributes:
        place: The folder or the file.
        add: Whether its videos join those of another folder.
        only: Only these ids.
        exclude: Ids to leave out from now on.
        limit: At most so many videos.
    """

    place: Path | None = None
    add: bool = False
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int | None = None


def _run(data: Path, asked: Asked, chosen: dict[str, Any], *, dry_run: bool = False) -> None:
    """Checks all that was chosen, remembers it once it is usable, and runs."""
    from gap_assets.pipeline.changed_settings import changed_settings
    from gap_assets.pipeline.dry_run import planned_work
    from gap_assets.pipeline.intake import Place, choose_videos, take_place

    _quiet()
    place = (
        take_place(choose(data), asked.place, add=asked.add) if asked.place is not None else Place()
    )
    values = {**chosen, **place.values}
    settings = choose(data, **values)
    only = choose_videos(
        settings, part=place.part, only=asked.only, exclude=asked.exclude, limit=asked.limit
    )
    _require_captions(settings)
    changes = changed_settings(settings, videos=only)
    told = [f"Other settings than before, so made again: {change}." for change in changes]
    if dry_run:
        print_planned_work(planned_work(settings, only=only, exclude=asked.exclude))
        print_notes([*told, "Nothing was done."])
        return
    fetch_models(settings)
    settings = remember(data, **values)
    _exclude(settings, asked.exclude)
    print_notes(told)
    _look(settings)
    _materialize(settings, only)


def _materialize(settings: Settings, only: Sequence[str]) -> None:
    from gap_assets.progress import listening

    # What an asset needs of a machine is defined by the process's own settings.
    os.environ["GAP_DATA"] = str(settings.data)
    from gap_assets.dagster.runs import run_everything

    with progress_bars() as listener, listening(listener):
        measured = run_everything(settings, only=only)
    if measured:
        print_headlines(settings)
    else:
        print_summaries(settings)


def _look(settings: Settings) -> None:
    """Says before the work that the models do not know new videos, where that is to be seen."""
    from gap_assets.pipeline.catalogue import list_videos, path_as_text
    from gap_assets.pipeline.familiarity import first_look
    from gap_assets.pipeline.intake import known_videos
    from gap_assets.profiles import PROFILES

    profile = PROFILES[settings.models]
    if settings.coca is not None or profile.known_world is None:
        return
    known = known_videos(settings)
    files = list_videos(settings.places, known=known)
    new = [path for path in files if path_as_text(path) not in known]
    if warning := first_look(new, profile):
        print_caution(warning)


def _require_captions(settings: Settings) -> None:
    """Refuses a captions file that cannot be used before it is remembered."""
    if settings.captions:
        from gap_assets.pipeline.reference_captions import read_captions

        read_captions(settings.captions)


def _exclude(settings: Settings, videos: Sequence[str]) -> None:
    """Adds videos to `excluded.txt`, which keeps them out until their lines are taken out."""
    from gap_assets.files import write_atomically
    from gap_assets.pipeline.left_out import read_exclusions

    new = [video for video in videos if video not in read_exclusions(settings.excluded)]
    if new:
        before = settings.excluded.read_text("utf-8") if settings.excluded.exists() else ""
        lines = before and before.removesuffix("\n") + "\n"
        lines += "".join(f"{video} by gap run --exclude\n" for video in new)
        write_atomically(settings.excluded, lines.encode())
        print_notes([f"{settings.excluded} leaves out {', '.join(new)} from now on."])


def _quiet() -> None:
    """Keeps off the console what is logged for the run's own log in the UI."""
    warnings = logging.StreamHandler()
    warnings.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[warnings])
    # Libraries remark on the root logger, for instance that an untrained network is untrained.
    logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger("gap_assets").setLevel(logging.WARNING)

"""The command `gap`: a thin, typed front of the same definitions that the Dagster UI shows."""

import json
import logging
import os
import shlex
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gap_assets.cli.console import (
    console,
    interval_text,
    one_sentence,
    print_estimate,
    print_headlines,
    print_models,
    print_rows,
    print_warning,
    progress_bars,
)
from gap_assets.cli.options import (
    CaptionWeights,
    CocaName,
    Data,
    Models,
    PromptFile,
    SummarizerName,
    Version,
    Weights,
)
from gap_assets.settings import Settings, choose, remember

if TYPE_CHECKING:
    from gap_assets.pipeline.model_check import ModelStatus

app = typer.Typer(
    help="Measures the modality gap and the cone effect between videos and their captions.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

DEMO_VIDEOS = 24
DEMO_SEED = 7


@app.callback()
def utf8(_: Version = False) -> None:  # noqa: FBT002
    """Starts anew in UTF-8 where the locale is of another encoding: names of files are UTF-8."""
    if sys.getfilesystemencoding() != "utf-8":
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONUTF8": "1"})  # noqa: S606


@app.command()
def demo(data: Data) -> None:
    """Draw sample videos and take them all the way to a gap report, offline."""
    from gap_assets.files import disk_full_as_one_sentence
    from gap_assets.world.samples import write_samples

    videos = data.absolute() / "videos"
    with one_sentence(), disk_full_as_one_sentence(videos):
        captions = write_samples(videos, count=DEMO_VIDEOS, seed=DEMO_SEED)
    # Two frames a second show the drawn stories, whose turns take less than one.
    _run(data, videos=videos, captions=captions, frames_per_second=2.0)


@app.command()
def check(
    data: Data,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    prompt_file: PromptFile = None,
) -> None:
    """Check that the models can run here, and say what would be downloaded. Writes nothing."""
    from gap_assets.pipeline.model_check import check_models

    with one_sentence():
        settings = choose(
            data,
            models=models,
            coca=coca,
            weights=weights,
            caption_weights=caption_weights,
            summarizer=summarizer,
            prompt_file=prompt_file,
        )
        print_models(check_models(**_models(settings)))


@app.command()
def run(
    data: Data,
    directory: Annotated[
        Path | None,
        typer.Argument(help="The folder of the videos.", show_default="the one of the last run"),
    ] = None,
    captions: Annotated[
        Path | None, typer.Option(help="Human captions: a JSON or JSON lines file, or a folder.")
    ] = None,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    prompt_file: PromptFile = None,
    frames_per_second: Annotated[float | None, typer.Option(help="How densely to sample.")] = None,
    controls: Annotated[
        bool | None,
        typer.Option(
            "--controls/--no-controls",
            help="Whether untrained networks are measured too; they can be left for later.",
            show_default="--controls",
        ),
    ] = None,
) -> None:
    """Materialise everything for a folder of videos. What is current already is skipped."""
    _run(
        data,
        videos=directory and directory.absolute(),
        captions=captions and captions.absolute(),
        models=models,
        coca=coca,
        weights=weights,
        caption_weights=caption_weights,
        summarizer=summarizer,
        prompt_file=prompt_file and prompt_file.absolute(),
        frames_per_second=frames_per_second,
        controls=controls,
    )


@app.command()
def estimate(
    directory: Annotated[Path, typer.Argument(help="The folder of the videos.")],
    data: Data,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    prompt_file: PromptFile = None,
    frames_per_second: Annotated[float | None, typer.Option(help="As for `gap run`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,  # noqa: FBT002
) -> None:
    """Predict frames, bytes and time of a folder of videos, and write nothing."""
    from gap_assets.pipeline.estimate import estimate
    from gap_assets.settings import default_fingerprints

    with one_sentence():
        settings = choose(
            data,
            models=models,
            coca=coca,
            weights=weights,
            caption_weights=caption_weights,
            summarizer=summarizer,
            prompt_file=prompt_file,
            frames_per_second=frames_per_second,
        )
        _get_models(settings)
        found = estimate(directory, settings=settings, fingerprints=default_fingerprints(settings))
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        print_estimate(found)


@app.command()
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


@app.command()
def status(data: Data) -> None:
    """Show, per asset, how many videos are current, stale, failed and missing."""
    from gap_assets.pipeline.status import current_status

    with one_sentence():
        settings = _existing(data)
        counts = current_status(settings).counts()
    states = ["current", "stale", "failed", "missing"]
    if any(count["later"] for count in counts.values()):
        states.append("later")
    table = Table("asset", *states)
    for asset, count in counts.items():
        table.add_row(asset, *(str(count[state] or "") for state in states))
    console.print(table)
    print_warning(settings)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT on the warehouse's tables.")],
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Run SQL on the warehouse, read-only; waits while a run is writing."""
    from gap_assets.warehouse.store import Warehouse

    with one_sentence():
        rows = Warehouse(path=_existing(data).warehouse).query(sql)
    if as_json:
        print(json.dumps(rows.to_dicts(), default=str, ensure_ascii=False))
    else:
        print_rows(rows)


@app.command()
def compact(data: Data) -> None:
    """Merge the small files of a DuckLake warehouse; others read and write meanwhile, in turns."""
    from gap_assets.warehouse.store import Warehouse

    with one_sentence():
        Warehouse(path=_existing(data).warehouse).compact()


@app.command()
def report(
    data: Data,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,  # noqa: FBT002
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two data folders, put side by side.")
    ] = None,
) -> None:
    """Print where the gap report is, or write a page that compares two data folders."""
    with one_sentence():
        if compare:
            from gap_assets.gap.report.comparison import compare_reports

            page = compare_reports(*(_report(folder) for folder in compare), into=data.absolute())
        else:
            page = _report(data).with_suffix(".html")
    print(page)
    if show:
        webbrowser.open(page.as_uri())


@app.command()
def metrics(
    video: Annotated[Path, typer.Option(help="Embeddings of the videos: an .npy array (N, D).")],
    text: Annotated[Path, typer.Option(help="Embeddings of their texts, row for row.")],
    as_json: Annotated[bool, typer.Option("--json", help="All numbers as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Measure anyone's paired embeddings, without Dagster or a warehouse."""
    from gap_assets import gap

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


@app.command()
def dev(data: Data, port: Annotated[int, typer.Option()] = 3000) -> None:
    """Open the Dagster UI on this data folder, with the daemon that runs backfills."""
    from gap_assets.cli.report_server import start
    from gap_assets.dagster.assets.gap import REPORT_URL
    from gap_assets.dagster.runs import dagster_variables, open_instance

    with one_sentence():
        settings = Settings(data=data.absolute())
        open_instance(settings).dispose()
    served = {REPORT_URL: start(settings.report, port=port + 1)}
    command = ["dagster", "dev", "-m", "gap_assets.definitions", "-p", str(port)]
    binary = Path(sys.executable).with_name("dagster")
    os.execve(binary, command, os.environ | dagster_variables(settings) | served)  # noqa: S606


def _run(data: Path, **values: Any) -> None:
    from gap_assets.progress import listening

    # What is logged for the run's own log in the UI does not belong on the console.
    warnings = logging.StreamHandler()
    warnings.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[warnings])
    # Libraries remark on the root logger, for instance that an untrained network is untrained.
    logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger("gap_assets").setLevel(logging.WARNING)
    with one_sentence():
        settings = remember(data, **values)
        # What an asset needs of a machine is defined by the process's own settings.
        os.environ["GAP_DATA"] = str(settings.data)
        _get_models(settings)
        from gap_assets.dagster.runs import run_everything

        with progress_bars() as listener, listening(listener):
            run_everything(settings)
        print_headlines(settings)


def _get_models(settings: Settings) -> None:
    """Checks the models before anything is decoded, and downloads what is missing."""
    from gap_assets.pipeline.model_check import download_bytes, get_models

    def tell(models: "list[ModelStatus]") -> None:
        if download_bytes(models):
            print_models(models)

    get_models(**_models(settings), tell=tell)


def _models(settings: Settings) -> dict[str, Any]:
    """What is chosen of the models, as `check_models` takes it."""
    from gap_assets.settings import default_parameters

    chosen = default_parameters(settings)
    return {key: chosen[key] for key in ("coca", "captioning", "summarizer")}


def _report(data: Path) -> Path:
    """The numbers of a data folder's report; the page lies beside them."""
    numbers = _existing(data).report / "report.json"
    if not numbers.exists():
        raise FileNotFoundError(f"There is no report in {data} yet; `gap run` makes it.")
    return numbers


def _existing(data: Path) -> Settings:
    from gap_assets.warehouse.store import Warehouse

    settings = Settings(data=data.absolute())
    if not Warehouse(path=settings.warehouse).exists():
        raise FileNotFoundError(
            f"{settings.data} holds no warehouse; name the folder with --data, or fill it with"
            " `gap run` or `gap demo`."
        )
    return settings


if __name__ == "__main__":
    app()

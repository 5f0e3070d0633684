"""Commands that look ahead: whether the models can run here, and what a folder will cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gap_assets.cli.app import MEASURE, app
from gap_assets.cli.console import print_estimate, print_models
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import (
    CaptionWeights,
    CocaName,
    Data,
    EncoderNames,
    FramesPerSecond,
    Models,
    PromptFile,
    SummarizerName,
    Weights,
    path_or_refusal,
)
from gap_assets.settings import Settings, choose

if TYPE_CHECKING:
    from gap_assets.pipeline.model_check import ModelStatus


@app.command(rich_help_panel=MEASURE)
def check(
    data: Data,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    encoders: EncoderNames = None,
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
            encoders=encoders,
            prompt_file=prompt_file,
        )
        print_models(check_models(**chosen_models(settings)))


@app.command(rich_help_panel=MEASURE)
def estimate(
    directory: Annotated[
        Path, typer.Argument(help="The folder of the videos.", parser=path_or_refusal)
    ],
    data: Data,
    models: Models = None,
    coca: CocaName = None,
    weights: Weights = None,
    caption_weights: CaptionWeights = None,
    summarizer: SummarizerName = None,
    encoders: EncoderNames = None,
    prompt_file: PromptFile = None,
    frames_per_second: FramesPerSecond = None,
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
            encoders=encoders,
            prompt_file=prompt_file,
            frames_per_second=frames_per_second,
        )
        fetch_models(settings)
        found = estimate(directory, settings=settings, fingerprints=default_fingerprints(settings))
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        print_estimate(found)


def fetch_models(settings: Settings) -> None:
    """Checks the models before anything is decoded, and downloads what is missing."""
    from gap_assets.pipeline.model_check import download_bytes, get_models

    def tell(models: "list[ModelStatus]") -> None:
        if download_bytes(models):
            print_models(models)

    get_models(**chosen_models(settings), tell=tell)


def chosen_models(settings: Settings) -> dict[str, Any]:
    """What is chosen of the models, as `check_models` takes it."""
    from gap_assets.settings import default_parameters

    chosen = default_parameters(settings)
    return {key: chosen[key] for key in ("coca", "captioning", "summarizer", "encoders")}

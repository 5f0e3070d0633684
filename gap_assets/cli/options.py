"""Options that several commands share. What a command does with them is in its module."""

from pathlib import Path
from typing import Annotated

import typer

from gap_assets.profiles import ProfileName
from gap_assets.settings import data_directory
from gap_assets.version import VERSION


def path_or_refusal(text: str | Path) -> Path:
    """A path; an empty text would be the folder that the program runs in."""
    if str(text) == "" or not str(text).strip():
        raise typer.BadParameter("An empty path names nothing; name one, or leave this out.")
    return Path(text)


Data = Annotated[
    Path,
    typer.Option(
        parser=path_or_refusal,
        metavar="FOLDER",
        help="The folder of everything that a run writes.",
        envvar="GAP_DATA",
        default_factory=data_directory,
        show_default="data",
    ),
]


def _print_version(asked: bool) -> None:  # noqa: FBT001
    if asked:
        print(f"gap_assets {VERSION}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
]

Models = Annotated[ProfileName | None, typer.Option(help="`hub` downloads the real models.")]
CocaName = Annotated[
    str | None, typer.Option(help="open_clip's name of a CoCa, or a folder.", metavar="NAME|FOLDER")
]
Weights = Annotated[
    str | None, typer.Option(help="Its weights: a tag of open_clip, or a file.", metavar="TAG|FILE")
]
CaptionWeights = Annotated[
    str | None, typer.Option(help="Other weights for the captions only.", metavar="TAG|FILE")
]
SummarizerName = Annotated[
    str | None,
    typer.Option(help="A language model on the hub, or a folder.", metavar="NAME|FOLDER"),
]
EncoderNames = Annotated[
    list[str] | None,
    typer.Option(
        "--encoders",
        help="Another encoder to measure, or `none`; may be repeated, or a list with commas.",
        metavar="NAME",
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        help="The summary's prompt, a text with the field {captions}.",
        parser=path_or_refusal,
        metavar="FILE",
    ),
]
FramesPerSecond = Annotated[
    float | None, typer.Option(help="How densely to sample; above 0.", metavar="NUMBER")
]
Add = Annotated[
    bool, typer.Option("--add", help="Add the folder to those that the data folder holds.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

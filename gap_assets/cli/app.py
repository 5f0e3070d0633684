"""The command `gap` itself; its commands are in the modules of this folder, by job."""

import os
import sys

import typer

from gap_assets.cli.options import Version

MEASURE, LOOK, FOLDER = "Measure", "Look, ask, take away", "The data folder"
"""Under which heading `gap --help` lists a command."""

EXAMPLES = """
Examples, from the first minute on:

gap demo --data data/demo

gap explore --data data/demo

gap run VIDEOS --data data/mine --models hub

gap report --data data/mine --open

gap metrics --video video.npy --text text.npy --report report
"""

app = typer.Typer(
    help="Measures the modality gap and the cone effect between videos and their captions.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def utf8(_: Version = False) -> None:  # noqa: FBT002
    """Starts anew in UTF-8 where the locale is of another encoding: names of files are UTF-8."""
    if sys.getfilesystemencoding() != "utf-8":
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONUTF8": "1"})  # noqa: S606

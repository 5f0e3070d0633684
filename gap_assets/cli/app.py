"""The command `gap` itself; its commands are in the modules of this folder, by job."""

import os
import sys

import typer

from gap_assets.cli.options import Version

app = typer.Typer(
    help="Measures the modality gap and the cone effect between videos and their captions.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def utf8(_: Version = False) -> None:  # noqa: FBT002
    """Starts anew in UTF-8 where the locale is of another encoding: names of files are UTF-8."""
    if sys.getfilesystemencoding() != "utf-8":
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONUTF8": "1"})  # noqa: S606

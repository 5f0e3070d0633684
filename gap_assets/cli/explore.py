"""The command that opens the viewer."""

import errno
import webbrowser
from typing import Annotated

import typer

from gap_assets.cli.app import LOOK, app
from gap_assets.cli.console import console
from gap_assets.cli.data import existing
from gap_assets.cli.errors import one_sentence
from gap_assets.cli.options import Data


@app.command(rich_help_panel=LOOK)
def explore(
    data: Data,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,  # noqa: FBT002
    port: Annotated[
        int, typer.Option(help="A port of this machine; 0 finds a free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Look at the pairs: both clouds, every video with its captions, search by a sentence."""
    from gap_assets.viewer.server import ViewerServer

    with one_sentence():
        settings = existing(data)
        try:
            server = ViewerServer(settings, port=port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise OSError(f"Port {port} is taken; leave --port out to get a free one.") from error
    with server:
        console.print(server.url, markup=False, highlight=False, soft_wrap=True)
        console.print("Only this machine can open it. Stop with Ctrl+C.")
        if show:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("Stopped.")

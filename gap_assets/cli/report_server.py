"""Serves the report's folder to the browser that looks at the UI: on this machine alone, read-only.

A page that was loaded over HTTP may not open `file:` links, so the report's link in the UI needs a
server. It ends with the process that started it.
"""

import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
LOOKS_EVERY_S = 1.0


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and lists no folders."""

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Refuses: the report is one page."""
        self.send_error(404)

    def end_headers(self) -> None:
        """Has the browser ask again each time: the report is made anew by every run."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the console belongs to Dagster."""


def start(directory: Path, *, port: int) -> str:
    """Serves a folder until this process ends.

    Args:
        directory: The report's folder; it may not be there yet.
        port: A free port.

    Returns:
        The address.
    """
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gap_assets.cli.report_server", directory, str(port)],
        stdin=subprocess.DEVNULL,
    )
    return f"http://{HOST}:{port}"


def serve(directory: Path, port: int) -> None:
    """Serves for as long as the process that started this one lives."""
    parent = os.getppid()
    handler = partial(QuietHandler, directory=str(directory))
    with ThreadingHTTPServer((HOST, port), handler) as server:
        server.timeout = LOOKS_EVERY_S
        while os.getppid() == parent:
            server.handle_request()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))

"""Serves the page to this machine's browser: a token in every address, read-only, nothing remote.

Only HTTP is here: which address is which question, ranges of files, errors as status codes. What
is answered is `answers`'s business.
"""

import json
import mimetypes
import re
import secrets
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from gap_assets.settings import Settings
from gap_assets.viewer.answers import Answers, Content, NotThereError, OutdatedError
from gap_assets.viewer.page_files import PAGE, page_file
from gap_assets.viewer.pairs_shown import NothingToShowError
from gap_assets.viewer.search import OtherModelError, SentenceError
from gap_assets.warehouse.store import WarehouseError

HOST = "127.0.0.1"
PIECE = 256 * 1024  # bytes of a file that are in memory at a time

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # The address holds the token.
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}

OF_VERSION = re.compile(r"data/(?P<version>\w+)/(?P<rest>.+)")
OF_VIDEO = re.compile(r"(?P<what>videos|strips|files)/(?P<index>\d{1,9})(?:\.json|\.jpg)?")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")

BROKEN = "Something went wrong; the console that runs `gap explore` says what."

STATUS = {
    NotThereError: HTTPStatus.NOT_FOUND,
    NothingToShowError: HTTPStatus.NOT_FOUND,
    OutdatedError: HTTPStatus.GONE,
    SentenceError: HTTPStatus.BAD_REQUEST,
    OtherModelError: HTTPStatus.CONFLICT,
    WarehouseError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class ViewerServer(ThreadingHTTPServer):
    """A server on a port of this machine.

    Attributes:
        answers: What it says.
        token: The first part of each address's path; who does not know it gets nothing.
    """

    daemon_threads = True

    def __init__(self, settings: Settings, *, port: int = 0):
        self.answers = Answers(settings)
        self.token = secrets.token_urlsafe(16)
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers with a body."""
        self._answer_if_heard()

    def do_HEAD(self) -> None:
        """Answers without the body."""
        self._answer_if_heard()

    def log_message(self, *_: object) -> None:
        """Nothing: the console shows the address only."""

    def _answer_if_heard(self) -> None:
        try:
            self._answer()
        except ConnectionError:
            # A browser drops what it no longer needs: a player that jumps, a page that is left.
            self.close_connection = True

    def _answer(self) -> None:
        try:
            found = self._found()
        except tuple(STATUS) as error:
            status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
            self._refuse(status, str(error))
        except Exception as error:
            if type(error).__module__.startswith("gap_assets."):  # A model that is not there.
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            else:
                traceback.print_exc()
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, BROKEN)
        else:
            if isinstance(found, Path):
                self._send_file(found)
            else:
                self._send(HTTPStatus.OK, found)

    def _found(self) -> Content | Path:
        """What an address names.

        Raises:
            NotThereError: Nothing.
        """
        # Another site's page may know the port, and a name of its own that leads here.
        if self.headers.get("Host") not in (
            f"{HOST}:{self.server.server_port}",
            f"localhost:{self.server.server_port}",
        ):
            raise NotThereError("Nothing is here.")
        address = urlsplit(self.path)
        token, _, path = unquote(address.path).removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise NotThereError("Nothing is here; open the address that `gap explore` printed.")
        path = path or "index.html"
        if path in PAGE:
            return Content(page_file(path), PAGE[path])
        answers = self.server.answers
        if path == "data/points.json":
            return answers.points()
        if path == "report.html":
            return answers.report()
        if not (of_version := OF_VERSION.fullmatch(path)):
            raise NotThereError("Nothing is here.")
        return self._of_version(of_version["version"], of_version["rest"], query=address.query)

    def _of_version(self, version: str, rest: str, *, query: str) -> Content | Path:
        """What an address names among the pairs of one version.

        Raises:
            NotThereError: Nothing.
        """
        answers = self.server.answers
        if rest == "texts.json":
            return answers.texts(version)
        if rest == "search":
            asked = parse_qs(query)
            sentence = asked.get("sentence", [""])[0]
            return answers.search(version, sentence, with_texts="with_texts" in asked)
        if not (of_video := OF_VIDEO.fullmatch(rest)):
            raise NotThereError("Nothing is here.")
        index = int(of_video["index"])
        match of_video["what"]:
            case "videos":
                return answers.video(version, index)
            case "strips":
                return answers.strip(version, index)
            case _:
                return answers.video_file(version, index)

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        told = json.dumps({"error": sentence}).encode()
        self._send(status, Content(told, "application/json"))

    def _send(self, status: HTTPStatus, content: Content) -> None:
        self._head(status, content.kind, length=len(content.body))
        if self.command != "HEAD":
            self.wfile.write(content.body)

    def _send_file(self, path: Path) -> None:
        """A file or the range of it that was asked for."""
        size = path.stat().st_size
        asked = RANGE.fullmatch(self.headers.get("Range", "").strip())
        wanted = _range(*asked.groups(), size=size) if asked else (0, size)
        kind = mimetypes.guess_type(path.name)[0] or ""
        kind = kind if kind.startswith("video/") else "application/octet-stream"
        if wanted is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, kind, length=0, whole=size)
            return
        start, end = wanted
        status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
        with path.open("rb") as file:
            self._head(status, kind, length=end - start, start=start if asked else None, whole=size)
            if self.command != "HEAD":
                for piece in _pieces(file, start, end):
                    self.wfile.write(piece)

    def _head(
        self,
        status: HTTPStatus,
        kind: str,
        *,
        length: int,
        start: int | None = None,
        whole: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        if whole is not None:
            self.send_header("Accept-Ranges", "bytes")
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{whole}")
        elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.send_header("Content-Range", f"bytes */{whole}")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()


def _range(first: str, last: str, *, size: int) -> tuple[int, int] | None:
    """Start and end of the bytes that `bytes=first-last` asks for; None where there are none such.

    Without a first, it is the last so many bytes.
    """
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, end = max(size - int(last or 0), 0), size
    return (start, end) if start < end else None


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE, end - start))):
        start += len(piece)
        yield piece

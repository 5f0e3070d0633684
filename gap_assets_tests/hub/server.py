"""A Hugging Face hub on this machine, as `huggingface_hub` sees one.

It answers listings and trees, and `resolve` as the hub does: a large file is on another server, to
which the answer leads; a small one is on the hub's own, behind a relative address. Unknown, gated
and missing things have the hub's codes. There is no Xet storage: clients fetch over HTTP, as from a
mirror. What is served is a `Repository`; what goes wrong is set in `faults`.
"""

import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from gap_assets_tests.hub.faults import Faults
from gap_assets_tests.hub.repository import Content, Repository, etag, is_large, opened, size_of

PIECE = 1 << 16
OWN_SERVER = "/api/resolve-cache"
LARGE_FILES = "/content"


class Hub:
    """Serves repositories from a thread of this process, until it is closed.

    Attributes:
        repositories: By the first part of their files' addresses.
        faults: What goes wrong.
        requests: The path and range of each request.
        sent: Bytes of content that were sent.
        endpoint: For `HF_ENDPOINT`.
        large_files: The address of the server of large files.
    """

    def __init__(self, repositories: Iterable[Repository]) -> None:
        self.repositories = {repository.prefix: repository for repository in repositories}
        self.faults = Faults()
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0
        for repository in self.repositories.values():
            repository.tree()  # So that no client waits while files of gigabytes are hashed.
        self._servers = [_Server(self), _Server(self)]
        self.endpoint, self.large_files = (
            f"http://127.0.0.1:{server.server_port}" for server in self._servers
        )

    def asked(self, text: str) -> list[str]:
        """The paths of the requests that hold the text."""
        return [path for path, _ in self.requests if text in path]

    def close(self) -> None:
        """Ends both servers: from now on nobody listens there."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server.hub
        hub.requests.append((self.path, self.headers["Range"]))
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        if path.startswith(f"{LARGE_FILES}/"):
            repository = self._owner(path.removeprefix(LARGE_FILES))
            assert repository
            name = path.removeprefix(f"{LARGE_FILES}{repository.prefix}/")
            self._content(name, repository.files[name], {})
        elif match := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(/.*)?", path):
            kind, name, rest = match.groups()
            repository = self._owner(f"/{name}" if kind == "models" else f"/{kind}/{name}")
            if repository is None:
                self._no_repository()
            else:
                self._api(repository, rest or "", query)
        elif path.startswith(f"{OWN_SERVER}/") or "/resolve/" in path:
            own = path.startswith(f"{OWN_SERVER}/")
            path = path.removeprefix(OWN_SERVER)
            repository = self._owner(path)
            if repository is None:
                self._no_repository()
            else:
                self._resolve(repository, path.removeprefix(repository.prefix), own=own)
        else:
            self._answer(404, b"", {})

    def _owner(self, path: str) -> Repository | None:
        found = self.server.hub.repositories.items()
        return next((r for prefix, r in found if f"{path}/".startswith(f"{prefix}/")), None)

    def _api(self, repository: Repository, rest: str, query: dict[str, list[str]]) -> None:
        match = re.fullmatch(r"(?:/(revision|tree)/([^/]+))?(?:/(.+))?", rest)
        what, revision, folder = match.groups() if match else (None, None, None)
        if revision not in (None, "main", repository.commit):
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what != "tree" and folder:
            # `auth-check` is asked for by `HfApi.auth_check`.
            if folder == "auth-check" and not (repository.gated and self._refuse(repository)):
                self._answer(200, b"{}", {})
            elif folder != "auth-check":
                self._answer(404, b"", {})
        elif what == "tree":
            entries = repository.tree()
            if folder:
                entries = [e for e in entries if str(e["path"]).startswith(f"{folder}/")]
            if folder and not entries:
                self._error(404, "EntryNotFound", f"{folder} does not exist on {revision!r}")
            else:
                self._json(entries)
        else:
            self._json(repository.info(blobs="blobs" in query))

    def _resolve(self, repository: Repository, rest: str, *, own: bool) -> None:
        match = re.fullmatch(r"(?:/resolve)?/([^/]+)/(.+)", rest)
        assert match
        revision, name = match.groups()
        commit = {"X-Repo-Commit": repository.commit}
        if revision not in ("main", repository.commit):
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if repository.gated and self._refuse(repository):
            return None
        if name not in repository.files:
            return self._error(404, "EntryNotFound", "Entry not found", commit)
        content = repository.files[name]
        quoted = f'"{etag(name, content)}"'
        if own:
            return self._content(name, content, {**commit, "ETag": quoted})
        linked = {"X-Linked-Size": str(size_of(content)), "X-Linked-ETag": quoted}
        address = f"{repository.prefix}/{quote(name)}"
        if is_large(name):
            # To a server of another origin, to which clients send no token.
            location = f"{self.server.hub.large_files}{LARGE_FILES}{address}"
            return self._answer(302, b"", {**commit, **linked, "Location": location})
        location = f"{OWN_SERVER}{repository.prefix}/{repository.commit}/{quote(name)}"
        return self._answer(307, b"", {**commit, **linked, "Location": location})

    def _refuse(self, repository: Repository) -> bool:
        """Says that terms were not accepted: 401 without a token, 403 with one."""
        status = 403 if self.headers["Authorization"] else 401
        message = f"Access to model {repository.name} is restricted. You must have access to it."
        self._error(status, "GatedRepo", message)
        return True

    def _no_repository(self) -> None:
        """With a token, the hub says that there is none; without one, that one may log in.

        The code comes with 401, too: clients know the bare status of the hub by `https` alone.
        """
        if self.headers["Authorization"]:
            self._error(404, "RepoNotFound", "Repository not found")
        else:
            self._error(401, "RepoNotFound", "Invalid username or password.")

    def _error(
        self, status: int, code: str, message: str, more: dict[str, str] | None = None
    ) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message, **(more or {})}
        self._json({"error": message}, status=status, headers=headers)

    def _json(
        self, value: object, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        content_type = {"Content-Type": "application/json; charset=utf-8"}
        self._answer(status, json.dumps(value).encode(), content_type | (headers or {}))

    def _content(self, name: str, content: Content, headers: dict[str, str]) -> None:
        """Sends a file, or what a range asks of it."""
        hub, size = self.server.hub, size_of(content)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        start = int(match[1]) if match else 0
        end = min(int(match[2]) + 1, size) if match and match[2] else size
        if match and start >= size:
            return self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
        self.send_response(206 if match else 200)
        if match:
            headers = headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "HEAD":
            return None
        faults = hub.faults
        stop = end
        if faults.drops.get(name):
            faults.drops[name] -= 1
            stop = min(end, start + faults.drop_after)
        with opened(content) as stream:
            stream.seek(start)
            while (left := stop - stream.tell()) > 0:
                piece = stream.read(min(left, 1024 if faults.chunk_s else PIECE))
                self.wfile.write(piece)
                hub.sent += len(piece)
                time.sleep(faults.chunk_s)
        if stop < end:
            self._cut()
        return None

    def _cut(self) -> None:
        self.close_connection = True
        if self.server.hub.faults.reset:
            time.sleep(0.1)  # else what was sent is lost with the connection
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

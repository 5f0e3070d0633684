"""A Hugging Face hub on this machine: listings, `resolve`, and a content server with ranges.

It answers as the real one does: file sizes in the listing, ETags and the commit in the answer to
HEAD, a redirect to another path for large files, `X-Error-Code` where something is missing.
"""

import hashlib
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATASET = "datasets/friedrichor/ActivityNet_Captions"
COMMIT = "a" * 40
LARGE = (".bin", ".safetensors", ".model")
CHUNK = 1 << 20

Content = bytes | Path
"""A file's content, or where it is."""


class Hub(ThreadingHTTPServer):
    """Serves repositories; what goes wrong is set in the other attributes.

    Attributes:
        repositories: Files by name, by repository: `datasets/owner/name`, or `owner/name` of a
            model.
        gated: The models whose terms nobody has accepted.
        claims: What a listing says of a file instead of the truth.
        drops: How often the connection for a file is cut after `drop_after` bytes.
        reset: Whether it is cut without a farewell.
        chunk_s: Seconds to wait after each KiB.
        requests: The path and range of each request.
        sent: Bytes of content that were sent.
    """

    daemon_threads = True

    def __init__(self, repositories: Mapping[str, Mapping[str, Content]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = {name: dict(files) for name, files in repositories.items()}
        self.gated: set[str] = set()
        self.claims: dict[str, dict[str, object]] = {}
        self.drops: dict[str, int] = {}
        self.drop_after = 5 * 1024
        self.reset = False
        self.chunk_s = 0.0
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self._digests: dict[tuple[str, str], str] = {}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def files(self) -> dict[str, Content]:
        """The data set's files."""
        return self.repositories[DATASET]

    @files.setter
    def files(self, files: dict[str, Content]) -> None:
        self.repositories[DATASET] = files

    def entries(self, repository: str) -> list[dict[str, object]]:
        """What a listing says of each file."""
        entries = []
        for name, content in self.repositories[repository].items():
            digest, size = self.digest(repository, name), _size(content)
            entry: dict[str, object] = {"rfilename": name, "size": size, "blobId": digest[:40]}
            if _is_large(name):
                entry["lfs"] = {"size": size, "sha256": digest, "pointerSize": 134}
            entries.append(entry | self.claims.get(name, {}))
        return entries

    def digest(self, repository: str, name: str) -> str:
        content = self.repositories[repository][name]
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        if (repository, name) not in self._digests:
            with content.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._digests[repository, name] = digest
        return self._digests[repository, name]

    def close(self) -> None:
        """Ends it: from now on nobody listens there."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server
        hub.requests.append((self.path, self.headers["Range"]))
        path, _, asked = self.path.partition("?")
        if match := re.fullmatch(r"/content/(.+)/-/(.+)", path):
            self._content(hub.repositories[match[1]][match[2]], match[2])
        elif match := re.fullmatch(r"/api/(datasets/|models/)([^/]+/[^/]+)(/.*)?", path):
            repository = match[1].removeprefix("models/") + match[2]
            if self._is_there(repository):
                self._api(repository, match[3] or "", asked)
        elif match := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if self._is_there(match[1]):
                self._resolve(match[1], match[2], match[3])
        else:
            self._answer(404)

    def _is_there(self, repository: str) -> bool:
        """As the hub answers one who is not logged in: 401 for what is private or nowhere."""
        if repository not in self.server.repositories:
            self._answer(401, headers={"X-Error-Code": "RepoNotFound"})
            return False
        return True

    def _api(self, repository: str, rest: str, asked: str) -> None:
        entries = self.server.entries(repository)
        body: object
        if rest.startswith("/tree/"):
            body = [_tree_entry(entry) for entry in entries]
        elif rest in ("", "/revision/main", f"/revision/{COMMIT}"):
            names = [{"rfilename": entry["rfilename"]} for entry in entries]
            name = repository.removeprefix("datasets/")
            siblings = entries if "blobs=" in asked else names
            body = {"id": name, "sha": COMMIT, "siblings": siblings}
        else:
            return self._answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        return self._answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repository: str, revision: str, name: str) -> None:
        hub = self.server
        commit = {"X-Repo-Commit": COMMIT}
        if repository in hub.gated:
            return self._answer(403, headers={"X-Error-Code": "GatedRepo"})
        if revision not in ("main", COMMIT):
            return self._answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        if name not in hub.repositories[repository]:
            return self._answer(404, headers={"X-Error-Code": "EntryNotFound", **commit})
        content = hub.repositories[repository][name]
        digest = hub.digest(repository, name)
        if not _is_large(name):
            return self._content(content, name, {"ETag": f'"{digest[:40]}"', **commit})
        # As the hub does, to the server of large files.
        linked = {"X-Linked-Size": str(_size(content)), "X-Linked-Etag": f'"{digest}"'}
        location = {"Location": f"/content/{repository}/-/{name}"}
        return self._answer(302, headers={**location, **linked, **commit})

    def _content(self, content: Content, name: str, headers: Mapping[str, str] = {}) -> None:
        hub = self.server
        match = re.match(r"bytes=(\d+)-", self.headers["Range"] or "")
        start, size = (int(match[1]) if match else 0), _size(content)
        if start >= size > 0:
            return self._answer(416, headers={"Content-Range": f"bytes */{size}"})
        self.send_response(206 if match else 200)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(size - start))
        if match:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        if self.command == "HEAD":
            return None
        end = size
        if hub.drops.get(name):
            hub.drops[name] -= 1
            end = min(end, start + hub.drop_after)
        step = 1024 if hub.chunk_s or isinstance(content, bytes) else CHUNK
        for position in range(start, end, step):
            part = _read(content, position, min(step, end - position))
            self.wfile.write(part)
            hub.sent += len(part)
            time.sleep(hub.chunk_s)
        if end < size:
            self.close_connection = True
            if hub.reset:
                time.sleep(0.1)  # else what was sent is lost with the connection
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                os.close(self.connection.detach())
        return None

    def _answer(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] = {},
    ) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _tree_entry(entry: dict[str, object]) -> dict[str, object]:
    """The same file as the listing of a tree names it."""
    lfs = entry.get("lfs")
    large = {"lfs": {**lfs, "oid": lfs["sha256"]}} if isinstance(lfs, dict) else {}
    named = {"path": entry["rfilename"], "size": entry["size"], "oid": entry["blobId"]}
    return {"type": "file", **named, **large}


def _is_large(name: str) -> bool:
    return name.endswith(LARGE) or ".tar." in name


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _read(content: Content, position: int, size: int) -> bytes:
    if isinstance(content, bytes):
        return content[position : position + size]
    with content.open("rb") as file:
        file.seek(position)
        return file.read(size)

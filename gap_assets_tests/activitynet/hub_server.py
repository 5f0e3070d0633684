"""A Hugging Face hub on this machine: the listing, `resolve`, a content server with ranges."""

import hashlib
import json
import os
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "friedrichor/ActivityNet_Captions"
COMMIT = "a" * 40


class Hub(ThreadingHTTPServer):
    """Serves `files`; what goes wrong is set in the other attributes.

    Attributes:
        files: Contents by name.
        claims: What the listing says of a file instead of the truth.
        drops: How often the connection for a file is cut after `drop_after` bytes.
        reset: Whether it is cut without a farewell.
        chunk_s: Seconds to wait after each KiB.
        requests: The path and range of each request.
        sent: Bytes of content that were sent.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.claims: dict[str, dict[str, object]] = {}
        self.drops: dict[str, int] = {}
        self.drop_after = 5 * 1024
        self.reset = False
        self.chunk_s = 0.0
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def listing(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            digest = hashlib.sha256(content).hexdigest()
            entry = {"rfilename": name, "size": len(content), "blobId": digest[:40]}
            if ".tar." in name:
                entry["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
            siblings.append(entry | self.claims.get(name, {}))
        return {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}

    def handle_error(self, request, client_address) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        hub.requests.append((self.path, self.headers["Range"]))
        if self.path.startswith(f"/api/datasets/{REPOSITORY}?blobs="):
            self._answer(200, json.dumps(hub.listing()).encode(), {"Content-Type": "text/json"})
        elif self.path.startswith(prefix := f"/datasets/{REPOSITORY}/resolve/{COMMIT}/"):
            # As the hub does, to the server of large files.
            self._answer(302, b"", {"Location": f"/content/{self.path.removeprefix(prefix)}"})
        elif (name := self.path.removeprefix("/content/")) in hub.files:
            self._content(name)
        else:
            self._answer(404, b"", {})

    def _content(self, name: str) -> None:
        hub = self.server
        content = hub.files[name]
        start = (
            int(match[1])
            if (match := re.match(r"bytes=(\d+)-", self.headers["Range"] or ""))
            else 0
        )
        if start >= len(content):
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if match else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if match:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = len(content)
        if hub.drops.get(name):
            hub.drops[name] -= 1
            end = min(end, start + hub.drop_after)
        for position in range(start, end, 1024):
            chunk = content[position : min(position + 1024, end)]
            self.wfile.write(chunk)
            hub.sent += len(chunk)
            time.sleep(hub.chunk_s)
        if end < len(content):
            self.close_connection = True
            if hub.reset:
                time.sleep(0.1)  # else what was sent is lost with the connection
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                os.close(self.connection.detach())
        return None

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

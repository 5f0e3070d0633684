"""What goes wrong between a client and a hub.

Faults of a hub that answers are the attributes of `Faults`; the rest are hubs that do not, and
files that a cache holds only in part.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(kw_only=True)
class Faults:
    """How a hub misbehaves while it sends content.

    Attributes:
        drops: How often the connection for a file is cut after `drop_after` bytes, by its name.
        drop_after: Bytes.
        reset: Whether it is cut without a farewell.
        chunk_s: Seconds to wait after each KiB.
    """

    drops: dict[str, int] = field(default_factory=dict)
    drop_after: int = 5 * 1024
    reset: bool = False
    chunk_s: float = 0.0


@contextmanager
def silent_hub() -> Iterator[str]:
    """The endpoint of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def absent_hub() -> str:
    """An endpoint where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def halve(cached: Path) -> Path:
    """Cuts a file in the cache in two, as a disk does that lost what was last written.

    Returns:
        The file that the cache's link leads to.
    """
    blob = cached.resolve(strict=True)
    os.truncate(blob, blob.stat().st_size // 2)
    return blob

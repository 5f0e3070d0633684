"""A repository as a Hugging Face hub keeps it: files under git, the large ones beside it.

Which repositories there are, and what they hold, is not decided here (see `models`, and the
fixtures of the ActivityNet tests); answering requests for them is the business of `server`.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO, Literal

Content = bytes | Path


def is_large(name: str) -> bool:
    """Whether the usual `.gitattributes` keep a file of this name in git's large file storage."""
    return name.endswith((".bin", ".model", ".safetensors")) or ".tar." in name


@dataclass(kw_only=True)
class Repository:
    """What a hub holds under a name.

    Attributes:
        name: With its owner.
        files: Contents by name, in memory or on disk.
        kind: As in the paths of the API.
        commit: The one revision, which is also `main`.
        gated: Whether its files, though not its listing, are for those who accepted its terms.
        claims: What the listing says of a file instead of the truth.
    """

    name: str
    files: dict[str, Content]
    kind: Literal["models", "datasets"] = "models"
    commit: str = "a" * 40
    gated: bool = False
    claims: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Where the files' paths begin."""
        return f"/{self.name}" if self.kind == "models" else f"/{self.kind}/{self.name}"

    def info(self, *, blobs: bool) -> dict[str, object]:
        """What `/api/models/NAME` answers; with the sizes of files if asked for `blobs`."""
        siblings = [
            {"rfilename": entry["path"]} | (self._blob(entry) if blobs else {})
            for entry in self.tree()
        ]
        gated = "manual" if self.gated else False
        flags = {"private": False, "disabled": False, "gated": gated}
        return {"id": self.name, "sha": self.commit, "tags": [], "siblings": siblings} | flags

    def tree(self) -> list[dict[str, object]]:
        """What `/api/models/NAME/tree/REVISION` answers: every file, with its ids."""
        entries: list[dict[str, object]] = []
        for name, content in self.files.items():
            entry = {
                "type": "file",
                "path": name,
                "size": size_of(content),
                "oid": etag(name, content),
            }
            if is_large(name):
                pointer = _pointer(content)
                entry["oid"] = git_id(pointer)
                entry["lfs"] = {
                    "oid": sha256(content),
                    "size": entry["size"],
                    "pointerSize": len(pointer),
                }
            entries.append(entry)
        return entries

    def _blob(self, entry: dict[str, object]) -> dict[str, object]:
        blob = {"size": entry["size"], "blobId": entry["oid"]}
        if lfs := entry.get("lfs"):
            assert isinstance(lfs, dict)
            sizes = {key: lfs[key] for key in ("size", "pointerSize")}
            blob["lfs"] = {"sha256": lfs["oid"], **sizes}
        return blob | self.claims.get(str(entry["path"]), {})


def size_of(content: Content) -> int:
    """Bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


@contextmanager
def opened(content: Content) -> Iterator[BinaryIO]:
    """The content as a stream, which is not read into memory."""
    if isinstance(content, bytes):
        yield io.BytesIO(content)
    else:
        with content.open("rb") as stream:
            yield stream


def etag(name: str, content: Content) -> str:
    """What names a file's content: the SHA-256 of a large file, git's id of another."""
    if is_large(name):
        return sha256(content)
    return git_id(content if isinstance(content, bytes) else content.read_bytes())


def git_id(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def sha256(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    state = content.stat()
    return _sha256_of_file(content, state.st_size, state.st_mtime_ns)


@cache
def _sha256_of_file(path: Path, *_version: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pointer(content: Content) -> bytes:
    """The file that git holds in place of a large one."""
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{sha256(content)}\nsize {size_of(content)}\n"
    ).encode()

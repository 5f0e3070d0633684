"""Files that appear whole or not at all, checksums of model folders, one sentence for a full disk.

Belongs here: what everything that writes files shares. What is written, and that nothing is left
half done, is the caller's business: the warehouse's transactions, the report's pages.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of the kernel, which DuckDB and Python repeat, and of SQLite.
FULL = ("No space left on device", "Disk quota exceeded", "database or disk is full")
# SQLite says this of a full disk, too, where it cannot make the files beside a database.
FAILED = "disk I/O error"
ALMOST_NOTHING = 2**20


class DiskFullError(OSError):
    """There is no space left where something is kept."""

    def __init__(self, place: str | Path):
        super().__init__(
            f"The disk of {place} is full; free some space and run this again. What is stored there"
            " is whole, and nothing of it is made twice."
        )


@contextmanager
def disk_full_as_one_sentence(place: str | Path) -> Iterator[None]:
    """Turns what a full disk causes into one sentence.

    Args:
        place: What the block writes to: a file, a folder, or the URL of a lake.

    Raises:
        DiskFullError: If the block failed because there is no space left.
    """
    try:
        yield
    except Exception as error:
        said = str(error)
        if any(words in said for words in FULL) or (
            FAILED in said and free_bytes(place) < ALMOST_NOTHING
        ):
            raise DiskFullError(place) from error
        raise


def write_atomically(path: Path, content: bytes) -> Path:
    """Writes a temporary neighbour, then renames it over `path`; makes the folder.

    Raises:
        DiskFullError: If there is no space left; then `path` is as before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_full_as_one_sentence(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            return temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def free_bytes(place: str | Path) -> int:
    """The bytes that are free at a place, or where it would be made."""
    there = next(
        folder for folder in (Path(place), *Path(place).absolute().parents) if folder.exists()
    )
    return shutil.disk_usage(there).free


LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class ChecksumError(ValueError):
    """A model folder does not hold the files that its SHA256SUMS lists."""


def verify_checksums(folder: Path) -> None:
    """Compare the files of `folder` with its SHA256SUMS; a folder without that file passes.

    Args:
        folder: Holds `SHA256SUMS` in the format of `sha256sum`: digest, two characters, file name.

    Raises:
        ChecksumError: A listed file is missing or has other contents, or a line is malformed.
    """
    listing = folder / "SHA256SUMS"
    if not listing.is_file():
        return
    lines = listing.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    for number, line in enumerate(lines or [""], start=1):
        parts = LINE.fullmatch(line)
        if not parts:
            raise ChecksumError(f"{listing} is damaged in line {number}; restore the folder.")
        expected, name = parts.groups()
        try:
            with (folder / name).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise ChecksumError(
                f"{folder} lacks {name}, which its SHA256SUMS lists; restore the folder."
            ) from None
        if actual != expected:
            raise ChecksumError(
                f"{folder / name} is not the file that SHA256SUMS describes "
                "(damaged or changed); restore it."
            )


def write_checksums(folder: Path) -> None:
    """List every file of a model folder in SHA256SUMS, as `sha256sum` writes it."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")

"""Files that appear whole or not at all, and one sentence where a disk is full.

Belongs here: what all who write say alike. What they write, and that nothing is left half done, is
theirs: the warehouse's transactions, the report's pages.
"""

import os
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
def telling_of_a_full_disk(place: str | Path) -> Iterator[None]:
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
            FAILED in said and _free(place) < ALMOST_NOTHING
        ):
            raise DiskFullError(place) from error
        raise


def write_atomically(path: Path, content: bytes) -> Path:
    """Writes a temporary neighbour, then renames it over `path`; makes the folder.

    Raises:
        DiskFullError: If there is no space left; then `path` is as before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with telling_of_a_full_disk(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            return temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _free(place: str | Path) -> int:
    """The bytes that are free at a place, or where it would be made."""
    there = next(
        folder for folder in (Path(place), *Path(place).absolute().parents) if folder.exists()
    )
    return shutil.disk_usage(there).free

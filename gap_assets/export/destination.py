"""Where an export goes: what may be replaced, and a finished folder or zip put there as a whole.

What is under way lies beside it in a hidden folder, which the next export clears away if the
process was killed.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gap_assets.files import disk_full_as_one_sentence

MARKER = "export.json"
MADE_BY = "gap export"
COMPRESSED = {".parquet", ".jpg", ".png"}  # These get no smaller in a zip.
LOCK, NEW, OLD, ZIP = "lock", "new", "old", "zip"


class DestinationError(RuntimeError):
    """Something else is in the export's place; the message says what to do."""


def is_zip(target: Path) -> bool:
    """Whether the export is to be one file."""
    return target.suffix.lower() == ".zip"


def check_destination(target: Path) -> None:
    """Refuses to replace anything but an empty folder and an earlier export.

    Raises:
        DestinationError: If something else is there.
    """
    kind = "zip" if is_zip(target) else "folder"
    if not target.exists():
        return
    if is_zip(target) != target.is_file():
        other = "file" if target.is_file() else "folder"
        raise DestinationError(f"{target} is a {other}, not a {kind}; name another place.")
    refusal = f"{target} is no earlier export, and is left as it is; name another place."
    if is_zip(target):
        if not _is_ours(_marker_in_zip(target)):
            raise DestinationError(refusal)
        return
    there = _files(target)
    if not there:
        return
    marker = target / MARKER
    known = _parsed(marker.read_bytes()) if marker.is_file() else {}
    if not _is_ours(known):
        raise DestinationError(refusal)
    if added := sorted(set(there) - set(known["holds"])):
        raise DestinationError(
            f"{target} is an earlier export to which {added[0]} was added; move that away, or name"
            " another place."
        )


@contextmanager
def replacing(target: Path, *, progress: Callable[[int, int], object]) -> Iterator[Path]:
    """A new folder, which is put in the target's place at the end: as it is, or as a zip.

    Args:
        target: The folder, or the file that ends in `.zip`.
        progress: Takes the files that are in the zip, and all of them.

    Raises:
        DiskFullError: If there is no space left; then the target is as before.
        DestinationError: If something else came into the target's place meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(target)
    work = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
    try:
        with disk_full_as_one_sentence(target.parent), FileLock(work / LOCK):
            new = work / NEW
            new.mkdir()
            yield new
            holds = sorted([MARKER, *_files(new)])
            (new / MARKER).write_text(json.dumps({"made_by": MADE_BY, "holds": holds}, indent=1))
            check_destination(target)
            if is_zip(target):
                _zip(new, work / ZIP, progress=progress)
                (work / ZIP).replace(target)
            else:
                _swap(new, target, old=work / OLD)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """All files below a folder, by their paths within it."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]


def _swap(new: Path, target: Path, *, old: Path) -> None:
    """Puts a folder in the place of another, or leaves that one there."""
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise


def _zip(folder: Path, target: Path, *, progress: Callable[[int, int], object]) -> None:
    """Moves the files of a folder into a zip, so that they take their space once."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w") as packed:
        for done, path in enumerate(files, 1):
            how = zipfile.ZIP_STORED if path.suffix in COMPRESSED else zipfile.ZIP_DEFLATED
            packed.write(path, path.relative_to(folder), compress_type=how)
            path.unlink()
            progress(done, len(files))


def _clear_leftovers(target: Path) -> None:
    """Removes what killed exports left; what one of them had just moved away is put back."""
    for work in target.parent.iterdir():
        if not work.name.startswith(_prefix(target)):
            continue
        try:
            with FileLock(work / LOCK, timeout=0):
                if (work / OLD).exists() and not target.exists():
                    (work / OLD).rename(target)
                shutil.rmtree(work, ignore_errors=True)
        except Timeout:  # Another export of this moment.
            continue


def _prefix(target: Path) -> str:
    return f".{target.name}.export-"


def _marker_in_zip(target: Path) -> Any:
    try:
        with zipfile.ZipFile(target) as packed:
            return _parsed(packed.read(MARKER))
    except (zipfile.BadZipFile, KeyError):
        return {}


def _parsed(marker: bytes) -> Any:
    try:
        return json.loads(marker)
    except ValueError:
        return {}


def _is_ours(marker: Any) -> bool:
    return isinstance(marker, dict) and marker.get("made_by") == MADE_BY and "holds" in marker

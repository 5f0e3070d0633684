"""The catalogue of videos: which files a folder holds, what they are called, what they contain.

Decoding is `gap_assets.video`; which of the rows are new to the warehouse is decided here, so that
a folder of 15,000 files is read once and then only where it changed.
"""

import hashlib
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from gap_assets.pipeline.left_out import DUPLICATE, EXCLUDED, GONE, UNREAD
from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import Limits
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError
from gap_assets.video.probe import probe
from gap_assets.video.signature import may_be_video
from gap_assets.warehouse.schema import row_types

SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".flv", ".m1v", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)

COLUMNS = row_types("videos")

log = logging.getLogger(__name__)

Rows = dict[str, dict[str, Any]]
"""Rows of the table `videos` by the file's path."""


def find_videos(directory: Path) -> list[Path]:
    """The video files below a folder, in the order of their paths; a file is itself.

    They are known by their suffixes, and those without any by their first bytes.

    Raises:
        FileNotFoundError: If the folder is not there, or holds no video.
    """
    if directory.is_file():
        return [directory]
    if not directory.is_dir():
        raise FileNotFoundError(
            f"{directory} is not a folder or a file; name the one that holds the videos."
        )
    found = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(directory)
        for name in names
        if _is_video(Path(folder, name))
    )
    if not found:
        raise FileNotFoundError(
            f"{directory} holds no video files; they are known by suffixes such as .mp4 or .mkv,"
            " or by their first bytes if they have none."
        )
    return found


def _is_video(path: Path) -> bool:
    if path.name.startswith("."):
        return path.suffix.lower() in SUFFIXES and not path.name.startswith("._")
    if not path.suffix:
        return path.is_file() and may_be_video(path)
    return path.suffix.lower() in SUFFIXES


def name_videos(paths: list[Path], *, directory: Path, known: Mapping[str, str]) -> dict[Path, str]:
    """Gives each file the id that is its partition key.

    The id is the file's stem where that is a plain name, as for ActivityNet's `v_…`. Characters
    that Dagster's partition selections or shells treat specially become `_`; such a name, and one
    that another file has already, ends in a hash of the path, so that ids never change as files
    come and go and no two files ever share one.

    Args:
        paths: The files.
        directory: The folder that they were found in.
        known: Ids that were given before, by path.
    """
    ids = {path: known[path_as_text(path)] for path in paths if path_as_text(path) in known}
    taken = set(known.values())
    for path in paths:
        if path in ids:
            continue
        stem = unicodedata.normalize("NFC", path.stem)
        name = re.sub(r"[^\w-]+", "_", stem).strip("_-")[:80]
        if name != stem or name in taken:
            short = name or "video"
            name = f"{short}-{_digest(path.relative_to(directory))}"
            if name in taken:  # of another folder, which may have been this one before it moved
                name = f"{short}-{_digest(path.absolute())}"
        ids[path] = name
        taken.add(name)
    return ids


def list_videos(places: Sequence[Path], *, known: Mapping[str, str]) -> dict[Path, str]:
    """The ids of all video files of some folders, by path.

    Args:
        places: Folders, or single files.
        known: Ids that were given before, by path.

    Raises:
        FileNotFoundError: If a place is not there, or holds no video.
    """
    ids: dict[Path, str] = {}
    for place in places:
        taken = {**known, **{path_as_text(path): name for path, name in ids.items()}}
        directory = place.parent if place.is_file() else place
        ids |= name_videos(find_videos(place), directory=directory, known=taken)
    return ids


def ids_by_stem(*places: Path, known: Mapping[str, str]) -> dict[str, str]:
    """The videos' ids by their files' stems, but for the stems that several files have.

    Args:
        *places: The folders of the videos.
        known: Ids that were given before, by path.

    Raises:
        FileNotFoundError: If a folder is not there, or holds no video.
    """
    ids = list_videos(places, known=known)
    stems = {path: Path(path_as_text(path)).stem for path in ids}
    count = Counter(stems.values())
    return {stems[path]: name for path, name in ids.items() if count[stems[path]] == 1}


def describe_videos(
    *places: Path,
    known: Rows,
    excluded: Mapping[str, str] | None = None,
    only: Collection[str] = (),
) -> pl.DataFrame:
    """The table `videos`: the files that are in the folders now, and those that were known before.

    Files of the same content count once: the one that was known first, or else the one of the
    shortest path.

    Args:
        *places: The folders, or single files.
        known: The rows of the last time, of other folders too. A file of the same size and
            modification time keeps its row; a file that is gone becomes unreadable.
        excluded: Videos that a person leaves out, and why. They keep their rows, as unreadable.
        only: Which videos to take in that are not known yet, by id; none for all.

    Returns:
        One row a video, sorted by id, with the columns `COLUMNS`. A file that cannot be opened is
        a row with status `unreadable` and a sentence in `error`.

    Raises:
        FileNotFoundError: If a place is not there, or holds no video.
    """
    known_ids = {path: str(row["video_id"]) for path, row in known.items()}
    ids = list_videos(places, known=known_ids)
    present = {path_as_text(path) for path in ids}
    if only:
        wanted = {*only, *known_ids.values()}
        ids = {path: name for path, name in ids.items() if name in wanted}
    ids |= {Path(path): name for path, name in known_ids.items() if path not in present}

    def describe(path: Path) -> dict[str, Any]:
        name = path_as_text(path)
        before = known.get(name)
        row = _describe(path, before=before, processes=processes)
        told = {} if was_read(row) else before or {}
        return {**told, **row, "video_id": ids[path], "path": name}

    threads = os.cpu_count() or 1
    with DecoderProcesses(limits=Limits()) as processes, ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(describe, ids))
    excluded = excluded or {}
    _count_once(rows, known=known, excluded=excluded)
    for row in rows:
        if reason := excluded.get(row["video_id"]):
            row |= _unread(f"{EXCLUDED}{reason}")
    return pl.DataFrame(rows, schema=COLUMNS).sort("video_id")


def _count_once(rows: list[dict[str, Any]], *, known: Rows, excluded: Collection[str]) -> None:
    """Leaves out what another file holds, too; copies of an excluded video stay out with it."""

    def precedence(row: Mapping[str, Any]) -> tuple[bool, bool, int, str]:
        before = known.get(row["path"], {})
        is_old = before.get("content_hash") == row["content_hash"]
        # The name of a copy is mostly longer, as in "film (1).mp4".
        return row["video_id"] not in excluded, not is_old, len(row["path"]), row["path"]

    first: dict[str, str] = {}
    for row in sorted(rows, key=precedence):
        if was_read(row):
            name = first.setdefault(row["content_hash"], row["video_id"])
            if name != row["video_id"]:
                row |= _unread(f"{DUPLICATE}{name}; it counts once.")


def was_read(row: Mapping[str, Any]) -> bool:
    """Whether a row of `videos` describes the file's content, not a reason to leave it alone."""
    return not row["content_hash"].startswith(UNREAD)


def _unread(reason: str) -> dict[str, str]:
    """A row's part where the content is not known: its hash is of the reason."""
    return {"status": "unreadable", "error": reason, "content_hash": UNREAD + reason}


def _describe(
    path: Path, *, before: Mapping[str, Any] | None, processes: DecoderProcesses
) -> dict[str, Any]:
    """A file's row but for its id; `before` where the file has not changed since."""
    try:
        stat = path.stat()
        row: dict[str, Any] = {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
        if before and row.items() <= before.items() and was_read(before):
            return dict(before)
        if path_as_text(path) != str(path):
            return row | _unread("The file's name is not valid UTF-8; rename it.")
        with path.open("rb") as file:
            row["content_hash"] = hashlib.file_digest(file, "sha256").hexdigest()
        return row | asdict(processes.run(probe, path)) | {"status": "ok"}
    except UnreadableVideoError as error:
        return row | {"status": "unreadable", "error": str(error)}
    except FileNotFoundError:
        return _unread(GONE)
    except OSError as error:
        return _unread(f"The file cannot be read ({error.strerror}).")
    except InterruptedDecodingError as error:
        return _unread(str(error))
    except Exception as error:
        log.exception("Reading %s failed.", path)
        return _unread(f"{path.name} could not be read: {error}")


def path_as_text(path: Path) -> str:
    """The path as valid text; bytes of a name that are none are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]

"""Brings ActivityNet Captions into a folder: from a hub, from local pieces, from a folder as it is.

The order of the steps, what there must be room for and when pieces may go is decided here.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from gap_assets.activitynet.archive import (
    FetchError,
    Unpacked,
    check_pieces,
    extract,
    write_whole,
)
from gap_assets.activitynet.hub import RemoteFile, download, list_files, missing_bytes
from gap_assets.files import ChecksumError, verify_checksums
from gap_assets.pipeline.catalogue import find_videos
from gap_assets.pipeline.reference_captions import read_captions

COMPLETE = "videos.json"
SHOWN = 20  # refused members that are told one by one


class Fetched(NamedTuple):
    """Where the data set is: the folder of its videos, and its captions, a file or a folder."""

    videos: Path
    captions: Path


def fetch_activitynet(
    folder: Path,
    *,
    source: Path | None = None,
    captions: Path | None = None,
    endpoint: str | None = None,
    tell: Callable[[str], None] = print,
) -> Fetched:
    """Puts the data set's videos in place and finds its captions.

    A call after an interruption, however it came about, goes on where that one stopped. Pieces
    that were fetched are deleted when every video is in place; pieces at hand are left alone.

    Args:
        folder: Where what is fetched and extracted goes.
        source: A folder that holds the archive's pieces, or the videos themselves, which are then
            used where they are; by default the hub is asked.
        captions: The captions, a file or a folder of files; by default those that lie in `source`
            or on the hub.
        endpoint: The hub; by default the one that `HF_ENDPOINT` names.
        tell: Is called with a line for each step.

    Raises:
        FetchError: If the data set cannot be taken in.
        gap_assets.pipeline.reference_captions.CaptionsFileError: If the captions cannot be read.
        FileNotFoundError: If `source` holds neither pieces nor videos.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if source:
            found = _from_folder(source, folder, captions or source, tell)
        else:
            found = _from_hub(folder, captions, endpoint, tell)
    described = set(read_captions(found.captions)["video_id"])
    names = {path.stem for path in find_videos(found.videos)}
    tell(f"{len(names):,} videos are in {found.videos}; {len(names & described):,} have captions.")
    return found


def _from_folder(
    source: Path, folder: Path, captions: Path, tell: Callable[[str], None]
) -> Fetched:
    read_captions(captions)
    sizes = {path.name: path.stat().st_size for path in source.iterdir() if path.is_file()}
    names = check_pieces(sizes)
    if not names:
        return Fetched(source, captions)
    try:
        verify_checksums(source)
    except ChecksumError as error:
        raise FetchError(str(error)) from error
    videos = folder / "videos"
    _make_room(folder, fetched=0, extracted=sum(sizes[name] for name in names), tell=tell)
    if _complete(extract([source / name for name in names], videos), tell):
        tell(f"The pieces in {source} are no longer needed.")
    return Fetched(videos, captions)


def _from_hub(
    folder: Path, captions: Path | None, endpoint: str | None, tell: Callable[[str], None]
) -> Fetched:
    found = Fetched(folder / "videos", captions or folder / "captions")
    pieces = folder / "pieces"
    in_place = _in_place(folder)
    if not in_place or not (captions or found.captions.is_dir()):
        files = list_files(endpoint=endpoint)
        if not captions:
            _fetch_captions(files, found.captions)
        if not in_place and not _fetch_videos(folder, files, tell):
            tell(f"The pieces stay in {pieces}; delete that folder if nothing is amiss.")
            return found
    shutil.rmtree(pieces, ignore_errors=True)
    return found


def _fetch_videos(folder: Path, files: dict[str, RemoteFile], tell: Callable[[str], None]) -> bool:
    names = check_pieces({name: file.size for name, file in files.items()})
    if not names:
        raise FetchError("The repository has no pieces named *.tar.part-000 and so on.")
    # A piece of another version of the data set is another file.
    pieces = folder / "pieces"
    targets = {files[name]: pieces / files[name].version[:12] / name for name in names}
    _make_room(
        folder,
        fetched=sum(missing_bytes(file, target) for file, target in targets.items()),
        extracted=sum(file.size for file in targets),
        tell=tell,
    )
    found = extract([download(*item) for item in targets.items()], folder / "videos")
    if complete := _complete(found, tell):
        write_whole([json.dumps(found.videos).encode()], folder / COMPLETE)
    return complete


def _fetch_captions(files: dict[str, RemoteFile], folder: Path) -> None:
    wanted = {name: file for name, file in files.items() if name.endswith((".json", ".jsonl"))}
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name not in wanted:
            old.unlink()
    for name, file in wanted.items():
        download(file, folder / name)
    read_captions(folder)


def _in_place(folder: Path) -> bool:
    """Whether all videos were in place once and still are."""
    try:
        sizes = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        return all(
            (folder / "videos" / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError):
        return False


def _complete(found: Unpacked, tell: Callable[[str], None]) -> bool:
    """Tells what became of the members; whether every video is in place."""
    tell(
        f"{found.written:,} videos extracted, {len(found.videos) - found.written:,} were in place;"
        f" {found.others:,} other files left out, {len(found.refused):,} members refused."
    )
    for sentence in found.refused[:SHOWN]:
        tell(sentence)
    return not found.refused


def _make_room(folder: Path, *, fetched: int, extracted: int, tell: Callable[[str], None]) -> None:
    """Refuses where the disk has less room than what is still to come.

    Pieces stay until every video is in place, so both must fit.
    """
    videos = folder / "videos"
    present = sum(path.stat().st_size for path in videos.iterdir()) if videos.is_dir() else 0
    needed = fetched + max(0, extracted - present)
    free = shutil.disk_usage(folder).free
    sentence = (
        f"{_gigabytes(needed)} are needed in {folder} ({_gigabytes(fetched)} of pieces to fetch"
        f" and {_gigabytes(needed - fetched)} of videos), {_gigabytes(free)} are free"
    )
    if needed > free:
        raise FetchError(f"{sentence}; make room, or name another folder with --data.")
    tell(f"{sentence}.")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second command out of the folder, for as long as this process lives."""
    try:
        lock = FileLock(folder / ".lock", timeout=0).acquire()
    except Timeout:
        raise FetchError(f"Another command is fetching into {folder}; wait for it.") from None
    with lock:
        yield

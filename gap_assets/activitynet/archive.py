"""Videos out of a tar archive that lies in pieces, read as one file and never joined on disk.

Which pieces there should be and that each is whole belongs here too; where they come from is
`hub` and `fetch`. The archive is untrusted: `tarfile` reads only the headers, and this module
writes regular files with plain names into one folder, so nothing that a header says about
paths, links, owners or modes is ever acted on.
"""

import os
import re
import tarfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from gap_assets.pipeline.catalogue import SUFFIXES
from gap_assets.progress import report_progress

CHUNK = 1 << 20
HEADER_BYTES = 1 << 16  # the headers of one member take 512 bytes, with long names a few thousand
PADDING_BYTES = 1 << 20  # of zeros after the last member; tar rounds up to 10 KiB
TEMPORARY = ".extracting"  # no video's suffix, so the catalogue passes it over
PIECE = re.compile(r"(.+\.tar\.part-)(\d+)")


class FetchError(OSError):
    """The data set cannot be taken in; the message says why and what to do."""


class Unpacked(NamedTuple):
    """What became of an archive's members.

    Attributes:
        videos: Bytes of each video that is in place, by its file's name.
        written: How many of them were written now.
        others: Regular files that are no videos, left out.
        refused: A sentence for each member that is not safe to write.
    """

    videos: dict[str, int]
    written: int
    others: int
    refused: list[str]


def check_pieces(sizes: Mapping[str, int]) -> list[str]:
    """The names of the archive's pieces in their order.

    Args:
        sizes: Bytes of the files at hand, by name; those that are no pieces are passed over.

    Returns:
        The names, empty where none is a piece.

    Raises:
        FetchError: If a piece is missing, shorter than the others, or of another archive.
    """
    found = {int(match[2]): match for name in sizes if (match := PIECE.fullmatch(name))}
    if len({match[1] for match in found.values()}) > 1:
        raise FetchError(f"There are pieces of several archives: {', '.join(sorted(sizes))}.")
    for number in range(max(found, default=-1)):
        if number not in found:
            match = found[max(found)]
            name = f"{match[1]}{number:0{len(match[2])}}"
            raise FetchError(f"The piece {name} is missing; put it beside the others.")
    names = [found[number][0] for number in sorted(found)]
    full = max((sizes[name] for name in names), default=0)
    for name in names[:-1]:
        if sizes[name] < full:
            raise FetchError(
                f"The piece {name} is truncated: it holds {sizes[name]:,} bytes and others"
                f" {full:,}; download it again."
            )
    return names


def extract(pieces: list[Path], folder: Path) -> Unpacked:
    """Writes the videos of an archive into a folder, each whole or not at all.

    A video that is there with the size that the archive gives it is kept, so that a call after an
    interruption goes on where that one stopped: it reads the headers again, not the videos. A
    member that is not safe to write is refused and the others are written, since nothing of it
    can reach the disk and one odd entry should not cost the rest. Damage ends the extraction,
    because all that follows could be wrong.

    Args:
        pieces: The pieces in their order.
        folder: Where the videos go, without the archive's folders; made if need be.

    Raises:
        FetchError: If the archive is damaged or truncated, or the disk is full. Videos that are
            in place stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    videos: dict[str, int] = {}
    refused: list[str] = []
    written = others = 0
    with closing(_Joined(pieces)) as joined:
        for member in _members(joined):
            name = PurePosixPath(member.name).name
            if reason := _unsafe(member, videos):
                refused.append(f"{member.name!r} is refused: {reason}.")
            elif PurePosixPath(name).suffix.lower() not in SUFFIXES or name.startswith("._"):
                others += 1
            else:
                target = folder / name
                if not (target.is_file() and target.stat().st_size == member.size):
                    write_whole(joined.chunks(member.offset_data, member.size), target)
                    written += 1
                videos[name] = member.size
            report_progress("extracted MB", joined.tell() // 10**6, joined.size // 10**6)
    _sync(folder)
    return Unpacked(videos, written, others, refused)


def _unsafe(member: tarfile.TarInfo, names: Mapping[str, int]) -> str | None:
    path = PurePosixPath(member.name)
    if not member.isreg() or member.issparse():
        return "it is no plain file"
    if path.is_absolute() or ".." in path.parts or "\0" in member.name or not path.name:
        return "its path leaves the folder"
    if len(os.fsencode(path.name)) > 255:
        return "its name is too long"
    return "another member has its name" if path.name in names else None


def _members(joined: "_Joined") -> Iterator[tarfile.TarInfo]:
    """All members but folders, checked to lie within the archive, up to a proper end."""
    end = 0
    try:
        tar = tarfile.TarFile(fileobj=joined)  # type: ignore[arg-type]
        while member := tar.next():
            start, end = end, tar.offset
            if member.size < 0 or end <= start:
                raise tarfile.ReadError("a member has a negative size")
            if end > joined.size:
                raise FetchError(
                    f"The archive ends within {member.name!r}: {joined.paths[-1]} is truncated or"
                    " a piece after it is missing; download them again."
                )
            if not member.isdir():
                yield member
            tar.members.clear()  # type: ignore[attr-defined]  # else all are remembered
            joined.allowance = HEADER_BYTES
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError) as error:
        raise _damaged(joined, end, str(error)) from error
    rest = joined.size - end
    # To tarfile, whatever is no header ends the archive; only zeros do.
    if rest > PADDING_BYTES or not rest or any(map(any, joined.chunks(end, rest))):
        raise _damaged(joined, end, "the archive does not go on as it should")


def _damaged(joined: "_Joined", offset: int, reason: str) -> FetchError:
    return FetchError(
        f"{joined.path_at(offset)} or a piece next to it is damaged or truncated ({reason});"
        " download it again and repeat the command: videos that are in place stay."
    )


def write_whole(chunks: Iterable[bytes], target: Path) -> None:
    """Writes a file that is whole or not there, whatever happens to the process or the machine.

    Raises:
        FetchError: If it cannot be written.
    """
    temporary = target.with_name(TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except FetchError:
        raise
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FetchError(
            f"{str(target)!r} cannot be written ({error.strerror}); fix that and repeat the"
            " command: videos that are in place stay."
        ) from error


def _sync(folder: Path) -> None:
    """Makes the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Joined:
    """The pieces as one file that can be read.

    `read`, which `tarfile` calls for headers, refuses more than the allowance, so that a header
    cannot make it take any memory; the contents of members come in `chunks`.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self._bounds = [0, *accumulate(path.stat().st_size for path in paths)]
        self.size = self._bounds[-1]
        self.allowance = HEADER_BYTES
        self._position = 0
        self._open: tuple[Path, BinaryIO] | None = None

    def path_at(self, offset: int) -> Path:
        """The piece that holds the byte at an offset, or the last one."""
        return self.paths[self._index(min(offset, self.size - 1))]

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        """The bytes from an offset on, in pieces of at most a megabyte."""
        end = offset + size
        while offset < end:
            index = self._index(offset)
            file = self._file(self.paths[index])
            file.seek(offset - self._bounds[index])
            chunk = file.read(min(CHUNK, end - offset, self._bounds[index + 1] - offset))
            if not chunk:
                raise FetchError(f"{self.paths[index]} has become shorter; download it again.")
            yield chunk
            offset += len(chunk)

    def read(self, size: int) -> bytes:
        self.allowance -= size
        if size < 0 or self.allowance < 0:
            raise tarfile.ReadError("a header is too large")
        data = b"".join(self.chunks(self._position, min(size, self.size - self._position)))
        self._position += len(data)
        return data

    def seek(self, offset: int) -> None:
        self._position = offset

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self._open:
            self._open[1].close()
            self._open = None

    def _index(self, offset: int) -> int:
        return bisect_right(self._bounds, offset) - 1

    def _file(self, path: Path) -> BinaryIO:
        if self._open is None or self._open[0] != path:
            self.close()
            self._open = (path, path.open("rb"))
        return self._open[1]

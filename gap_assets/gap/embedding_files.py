"""Reads embeddings from files that others wrote: `.npy`, `.npz`, `.parquet`.

Nothing is unpickled, and nothing is read before it is known that it fits: what a header claims is
compared with the file and with the memory that is free. What rows have to be is `pairs`' business.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import numpy as np

from gap_assets.gap.pairs import AnyFloats, GapInputError, check_rows
from gap_assets.memory import machine_memory

NAMED = re.compile(r"(?P<file>.+\.(?:npz|parquet)):(?P<name>[^/\\]+)", re.IGNORECASE | re.DOTALL)
COPIES = 3  # What is read, in the precision of the metrics, and scaled to length 1.
ROWS_AT_ONCE = 4096
HEADERS: Mapping[tuple[int, int], Callable[[IO[bytes]], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_embeddings(path: Path | str) -> AnyFloats:
    """Reads an (N, D) array of finite rows.

    Args:
        path: An `.npy` file; an `.npz` file with one array, or `FILE.npz:NAME`; a `.parquet` file
            with one column of lists of numbers, or `FILE.parquet:COLUMN`. Lists are all of one
            length. Parquet needs pyarrow.

    Raises:
        GapInputError: The file is missing, damaged or too large, holds no such array, or its rows
            are none that `check_pairs` takes; one sentence says which.
    """
    path, name = Path(path), None
    if not path.exists() and (found := NAMED.fullmatch(str(path))):
        path, name = Path(found["file"]), found["name"]
    readers = {".npz": _from_npz, ".parquet": _from_parquet}
    said = f"{path}:{name}" if name else str(path)
    try:
        if not path.is_file():  # A pipe would never end.
            raise GapInputError(f"{path} cannot be read: {_why_no_file(path)}.")
        reader = readers.get(path.suffix.lower())
        rows = reader(path, name) if reader else _from_npy(path)
    except OSError as error:
        raise GapInputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise GapInputError(f"{path} takes more memory than is free; give fewer rows.") from None
    check_rows(said, rows)
    return rows


def _why_no_file(path: Path) -> str:
    return "it is not a file" if path.exists() else "there is no such file"


def _from_npy(path: Path) -> AnyFloats:
    with path.open("rb") as file:
        return _array(file, path.stat().st_size, str(path))


def _from_npz(path: Path, name: str | None) -> AnyFloats:
    try:
        with zipfile.ZipFile(path) as archive:
            known = {each.removesuffix(".npy"): each for each in archive.namelist()}
            chosen = _chosen(path, name, list(known), "arrays")
            entry = archive.getinfo(known[chosen])
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("it is packed in a way that numpy does not write")
            with archive.open(entry) as file:
                return _array(file, entry.file_size, f"{path}:{chosen}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise GapInputError(
            f"{path} cannot be read as an .npz archive ({error}); write one with numpy.savez."
        ) from None


def _array(file: IO[bytes], size: int, said: str) -> AnyFloats:
    """One array in numpy's own format, of so many bytes with its header."""
    refused = f"{said} cannot be read as an .npy array of numbers; write one with numpy.save."
    try:
        shape, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    except (ValueError, KeyError, EOFError, TypeError, SyntaxError):
        raise GapInputError(refused) from None
    if dtype.hasobject or dtype.kind not in "fiub" or any(length < 0 for length in shape):
        raise GapInputError(refused)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > size - file.tell():
        raise GapInputError(
            f"{said} is cut short: its header promises {claimed:,} bytes of numbers and"
            f" {size - file.tell():,} follow; write it again."
        )
    _refuse_more_than_fits(math.prod(shape) * 8, said)
    file.seek(0)
    try:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except ValueError:
        raise GapInputError(refused) from None


def _from_parquet(path: Path, name: str | None) -> AnyFloats:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise GapInputError(
            f"{path} needs pyarrow, which is not installed: `pip install pyarrow`, or give an .npy"
            " array."
        ) from None
    try:
        with closing(pq.ParquetFile(path)) as file:
            lists = [field.name for field in file.schema_arrow if _is_list(field.type)]
            column = _chosen(path, name, lists, "columns of lists")
            _refuse_more_than_fits(_numbers_in(file.metadata, column) * 8, f"{path}:{column}")
            parts = [
                _matrix(batch.column(0), f"{path}:{column}")
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[column])
                if len(batch)
            ]
    except pa.ArrowException as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise GapInputError(
            f"{path} cannot be read as a Parquet file ({why}); write it again."
        ) from None
    if len({part.shape[1] for part in parts}) > 1:
        raise GapInputError(_of_many_lengths(f"{path}:{column}"))
    return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)


def _is_list(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _numbers_in(metadata: Any, column: str) -> int:
    """How many numbers a Parquet file says that a column holds, nulls included."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    chunks = (group.column(i) for group in groups for i in range(group.num_columns))
    return sum(
        int(chunk.num_values) for chunk in chunks if chunk.path_in_schema.startswith(f"{column}.")
    )


def _matrix(lists: Any, said: str) -> AnyFloats:
    """(M, D) of M lists."""
    if lists.null_count:
        raise GapInputError(f"{said} has empty cells; leave those rows out of both files.")
    numbers = lists.flatten()
    if numbers.null_count:
        raise GapInputError(f"{said} has lists with missing numbers; leave those rows out.")
    dimensions, rest = divmod(len(numbers), len(lists))
    lengths = np.asarray(lists.value_lengths()) if hasattr(lists, "value_lengths") else dimensions
    if rest or np.any(lengths != dimensions):
        raise GapInputError(_of_many_lengths(said))
    return np.asarray(numbers.to_numpy(zero_copy_only=False)).reshape(len(lists), dimensions)


def _of_many_lengths(said: str) -> str:
    return f"{said} has lists of different lengths; all rows of one array have one length."


def _chosen(path: Path, name: str | None, known: list[str], kind: str) -> str:
    """The name asked for, or the only one that there is."""
    listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "") or "none"
    if name is None and len(known) == 1:
        return known[0]
    if name is None:
        raise GapInputError(
            f"{path} has {len(known)} {kind} ({listed}); name one as {path.name}:NAME."
            if known
            else f"{path} has no {kind}; one of them would hold the embeddings."
        )
    if name not in known:
        raise GapInputError(f"{path} has no {name!r} among its {kind} ({listed}).")
    return name


def _refuse_more_than_fits(size: int, said: str) -> None:
    memory = machine_memory()
    if memory and COPIES * size > memory.free:
        raise GapInputError(
            f"{said} would take {COPIES * size / 2**30:.1f} GB of memory, and"
            f" {memory.free / 2**30:.1f} GB are free; give fewer rows."
        )

"""Parquet files of rows that come in batches: in groups of bounded size, perhaps in several files.

What the rows are is the business of `tables` and `dataset`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_BYTES = 32 * 2**20
GROUP_ROWS = 2**17
SHARD_BYTES = 500 * 10**6


def write_file(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes one file; without rows it has its columns all the same.

    Args:
        path: The file.
        schema: Of the batches, with the metadata that the file keeps.
        batches: The rows.
    """
    with _writer(path, schema) as writer:
        for group in _groups(schema, batches):
            writer.write_table(group, row_group_size=GROUP_ROWS)


def write_shards(
    folder: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, most: int = SHARD_BYTES
) -> str:
    """Writes files of about `most` bytes; without rows there is one, all the same.

    Args:
        folder: Where to; it is there.
        schema: Of the batches, with the metadata that the files keep.
        batches: The rows.
        most: Bytes after which the next file begins.

    Returns:
        The pattern of their names, which a digest of their contents tells from all others.
    """
    groups = _groups(schema, batches)
    group = next(groups, schema.empty_table())
    shards: list[Path] = []
    digest = hashlib.blake2b(digest_size=8)
    while group is not None:
        shard = folder / f"{len(shards)}"
        shards.append(shard)
        with shard.open("wb") as file, _writer(file, schema) as writer:
            while group is not None and file.tell() < most:
                writer.write_table(group, row_group_size=GROUP_ROWS)
                group = next(groups, None)
        with shard.open("rb") as written:
            digest.update(hashlib.file_digest(written, "blake2b").digest())
    for number, shard in enumerate(shards):
        shard.rename(folder / f"{digest.hexdigest()}-{number:05d}.parquet")
    return f"{digest.hexdigest()}-*.parquet"


def _writer(where: object, schema: pa.Schema) -> pq.ParquetWriter:
    # A dictionary of all pictures or vectors of a group would only take memory.
    texts = [path for field in schema for path in _text_columns(field)]
    return pq.ParquetWriter(where, schema, compression="zstd", use_dictionary=texts)


def _text_columns(field: pa.Field) -> Iterator[str]:
    """The names by which Parquet knows a column's texts."""
    if pa.types.is_string(field.type):
        yield field.name
    elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
        yield f"{field.name}.list.element"


def _groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches joined into groups of rows that are neither tiny nor large."""
    waiting: list[pa.RecordBatch] = []
    n_bytes = n_rows = 0
    for batch in batches:
        waiting.append(batch)
        n_bytes, n_rows = n_bytes + batch.nbytes, n_rows + batch.num_rows
        if n_bytes >= GROUP_BYTES or n_rows >= GROUP_ROWS:
            yield pa.Table.from_batches(waiting, schema)
            waiting, n_bytes, n_rows = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)

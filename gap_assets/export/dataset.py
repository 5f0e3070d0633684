"""A folder that `datasets.load_dataset` opens: the configurations `videos` and `frames`.

What the columns mean is declared here; the card that says so to people is written by `card`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from gap_assets.export.dataset_rows import IMAGE, STRIP, RowsOf, Shape, frame_rows, video_rows
from gap_assets.export.parquet import write_shards

BATCH_FRAMES = 2000  # frames whose rows are in memory at a time, but for one longer video

COUNTS = "SELECT video_id, count(*) FROM frames JOIN videos USING (video_id) GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the data set: its Arrow type, and what it holds."""

    kind: pa.DataType
    about: str


Columns = Mapping[str, Column]


def columns_of(shape: Shape) -> dict[str, Columns]:
    """The columns of each configuration."""
    vector = pa.list_(pa.float32(), shape.embedding_size)
    texts, text, number = pa.list_(pa.string()), pa.string(), pa.float64()
    fused = f"The {shape.fusion} of the embeddings of all frames, as a unit vector."
    videos = {
        "video_id": Column(kind=text, about="The video."),
        "file": Column(kind=text, about="The file's name."),
        "duration_s": Column(kind=number, about="Seconds that the file claims."),
        "image": Column(kind=IMAGE, about="The frame in the middle of the video."),
        "frames": Column(kind=pa.list_(IMAGE), about=f"At most {STRIP} frames, evenly spaced."),
        "frame_indices": Column(kind=pa.list_(pa.int32()), about="Which frames these are."),
        "captions": Column(kind=texts, about="The caption of each frame, in the order of time."),
        "filtered_captions": Column(kind=texts, about="Those that say something new."),
        "summary": Column(kind=text, about="One sentence, by a language model from the captions."),
        "human_caption": Column(kind=text, about="What people wrote, if anything."),
        "video_embedding": Column(kind=vector, about=fused),
        "text_embedding": Column(
            kind=vector, about=f"The embedding of its {shape.text_source}, a unit vector."
        ),
        "cosine": Column(kind=number, about="Of both embeddings."),
    }
    frames = {
        "video_id": Column(kind=text, about="The video."),
        "frame_index": Column(kind=pa.int32(), about="The sampled frame, counted from 0."),
        "timestamp_s": Column(kind=number, about="Seconds from the video's start to the frame."),
        "image": Column(kind=IMAGE, about="The frame."),
        "caption": Column(kind=text, about="Its caption."),
        "logprob": Column(kind=number, about="The caption's mean log-probability per token, nats."),
        "kept": Column(kind=pa.bool_(), about="Whether it is one of the filtered captions."),
        "embedding": Column(kind=vector, about="The frame's embedding, a unit vector."),
    }
    pictures = () if shape.pictures else ("image", "frames", "frame_indices")
    return {
        name: {column: c for column, c in columns.items() if column not in pictures}
        for name, columns in (("videos", videos), ("frames", frames))
    }


def write_dataset(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    shape: Shape,
    *,
    progress: Callable[[int, int], object],
) -> dict[str, str]:
    """Writes the Parquet files of both configurations.

    Args:
        connection: To a frozen copy of the warehouse.
        folder: Where to; it is there.
        shape: What the rows hold.
        progress: Takes the rows that are done, and all of them.

    Returns:
        The pattern of the files of each. `datasets` finds what it has cached by the name of the
        folder and these patterns, so other contents need others.
    """
    counts = connection.execute(COUNTS).fetchall()
    total, done = sum(n for _, n in counts) + len(counts), 0

    def batches(rows_of: RowsOf, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        nonlocal done
        for videos in parts(counts, most=BATCH_FRAMES):
            given = pl.DataFrame({"video_id": videos}, schema={"video_id": pl.String})
            connection.register("given", given.to_arrow())
            rows = rows_of(connection, shape)
            arrays = [_as_kind(rows[field.name], field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            done += len(arrays[0])
            progress(done, total)

    columns, patterns = columns_of(shape), {}
    for name, rows_of in (("videos", video_rows), ("frames", frame_rows)):
        (folder / name).mkdir()
        schema = arrow_schema(columns[name])
        files = write_shards(folder / name, schema, batches(rows_of, schema))
        patterns[name] = f"{name}/{files}"
    return patterns


def parts(counts: Iterable[tuple[str, int]], *, most: int) -> Iterator[list[str]]:
    """Videos in groups that have together about so many frames.

    Args:
        counts: Each video and its number of frames.
        most: Frames after which the next group begins.
    """
    group: list[str] = []
    frames = 0
    for video, n in counts:
        group.append(video)
        frames += n
        if frames >= most:
            yield group
            group, frames = [], 0
    if group:
        yield group


def arrow_schema(columns: Columns) -> pa.Schema:
    """The schema of a configuration's files, with the features that `datasets` reads from it."""
    features = {name: _feature(column.kind) for name, column in columns.items()}
    fields = [
        pa.field(name, column.kind, metadata={"comment": column.about})
        for name, column in columns.items()
    ]
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """An Arrow type as a feature of `datasets`, in the words that all its versions know."""
    if kind == IMAGE:
        return {"_type": "Image"}
    if pa.types.is_fixed_size_list(kind):
        length = kind.list_size
        return {"_type": "Sequence", "feature": _feature(kind.value_type), "length": length}
    if pa.types.is_list(kind):
        return {"_type": "Sequence", "feature": _feature(kind.value_type)}
    names = {"float": "float32", "double": "float64"}
    return {"_type": "Value", "dtype": names.get(str(kind), str(kind))}


def _as_kind(array: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return whole if whole.type == kind else whole.cast(kind)

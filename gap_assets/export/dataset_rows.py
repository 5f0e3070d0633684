"""The rows of the data set, read for some videos at a time. How they are stored is `dataset`'s."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from gap_assets.gap.pairs import evenly_spaced
from gap_assets.pipeline.embeddings import middle

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # as `datasets` keeps an Image
STRIP = 8  # frames that a row of `videos` holds at most

# All queries read the videos that are in `given`.
FRAMES = """
    SELECT f.*, c.caption, c.logprob, k.rank IS NOT NULL AS kept, e.embedding
    FROM (SELECT {columns} FROM frames WHERE video_id IN (FROM given)) f
    LEFT JOIN (FROM frame_captions WHERE video_id IN (FROM given)) c USING (video_id, frame_index)
    LEFT JOIN (FROM filtered_captions WHERE video_id IN (FROM given)) k
        USING (video_id, frame_index)
    LEFT JOIN (FROM frame_embeddings WHERE video_id IN (FROM given)) e USING (video_id, frame_index)
    ORDER BY f.video_id, f.frame_index
"""
VIDEOS = """
    SELECT v.video_id, v.path AS file, v.duration_s, s.summary, r.caption AS human_caption,
        coalesce(c.captions, []) AS captions, coalesce(k.captions, []) AS filtered_captions,
        CASE WHEN e.norm > 0 THEN list_transform(e.embedding::FLOAT[], lambda x: x / e.norm) END
            AS video_embedding,
        t.embedding AS text_embedding,
        CASE WHEN e.norm > 0 AND t.embedding IS NOT NULL
            THEN list_inner_product(e.embedding::FLOAT[], t.embedding::FLOAT[]) / e.norm END
            AS cosine
    FROM (FROM videos WHERE video_id IN (FROM given)) v
    LEFT JOIN video_summaries s USING (video_id)
    LEFT JOIN reference_captions r USING (video_id)
    LEFT JOIN (SELECT video_id, list(caption ORDER BY frame_index) AS captions FROM frame_captions
        WHERE video_id IN (FROM given) GROUP BY video_id) c USING (video_id)
    LEFT JOIN (SELECT video_id, list(caption ORDER BY rank) AS captions FROM filtered_captions
        WHERE video_id IN (FROM given) GROUP BY video_id) k USING (video_id)
    LEFT JOIN (FROM video_embeddings WHERE fusion = $fusion) e USING (video_id)
    LEFT JOIN (FROM text_embeddings WHERE source = $text_source) t USING (video_id)
    ORDER BY v.video_id
"""
REPEATS = """
    SELECT video_id, frame_index, coalesce(repeats, 1) AS repeats FROM frames
    WHERE video_id IN (FROM given) ORDER BY video_id, frame_index
"""
PICTURES = """
    SELECT video_id, frame_index, image FROM (FROM frames WHERE video_id IN (FROM given))
    JOIN chosen USING (video_id, frame_index)
"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What all rows share.

    Attributes:
        embedding_size: D.
        pictures: Whether rows hold pictures.
        fusion: How the frames of `video_embedding` are fused.
        text_source: Which text `text_embedding` is of.
    """

    embedding_size: int
    pictures: bool
    fusion: str
    text_source: str


Rows = Mapping[str, pa.Array | pa.ChunkedArray]
RowsOf = Callable[[duckdb.DuckDBPyConnection, Shape], Rows]


def frame_rows(connection: duckdb.DuckDBPyConnection, shape: Shape) -> Rows:
    """One row per frame of the given videos."""
    columns = "video_id, frame_index, timestamp_s" + (", image" if shape.pictures else "")
    found = connection.execute(FRAMES.format(columns=columns)).to_arrow_table()
    rows = {name: found[name] for name in found.column_names}
    return rows | {"image": _as_images(rows["image"])} if shape.pictures else rows


def video_rows(connection: duckdb.DuckDBPyConnection, shape: Shape) -> Rows:
    """One row per given video; each has at least one frame."""
    choice = {"fusion": shape.fusion, "text_source": shape.text_source}
    found = connection.execute(VIDEOS, choice).to_arrow_table()
    rows = {name: found[name] for name in found.column_names}
    if not shape.pictures:
        return rows
    frames: dict[str, list[tuple[int, int]]] = {}
    for video, index, repeats in connection.execute(REPEATS).fetchall():
        frames.setdefault(video, []).append((index, repeats))
    ids = rows["video_id"].to_pylist()
    strips = [_strip(frames[video]) for video in ids]
    middles = [_middle(frames[video]) for video in ids]
    wanted = [
        (video, index)
        for video, strip, centre in zip(ids, strips, middles, strict=True)
        for index in {*strip, centre}
    ]
    pictures = _read_pictures(connection, wanted)
    images = [pictures[video, index] for video, index in zip(ids, middles, strict=True)]
    in_rows = [
        [{"bytes": pictures[video, index], "path": None} for index in strip]
        for video, strip in zip(ids, strips, strict=True)
    ]
    return rows | {
        "image": _as_images(pa.array(images, pa.binary())),
        "frames": pa.array(in_rows, pa.list_(IMAGE)),
        "frame_indices": pa.array(strips, pa.list_(pa.int32())),
    }


def _strip(frames: Sequence[tuple[int, int]]) -> list[int]:
    """Some frames of a video, evenly spaced.

    Args:
        frames: Of each, its index and how often it counts, in the order of time.
    """
    return [frames[position][0] for position in evenly_spaced(len(frames), STRIP)]


def _middle(frames: Sequence[tuple[int, int]]) -> int:
    """The frame that the fusion `middle` takes."""
    indices, repeats = np.array(frames).T
    return int(middle(indices, repeats))


def _read_pictures(
    connection: duckdb.DuckDBPyConnection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], bytes]:
    schema = {"video_id": pl.String, "frame_index": pl.Int32}
    connection.register("chosen", pl.DataFrame(wanted, schema=schema, orient="row").to_arrow())
    return {
        (video, index): image for video, index, image in connection.execute(PICTURES).fetchall()
    }


def _as_images(pictures: pa.Array | pa.ChunkedArray) -> pa.Array:
    """JPEGs as the structs of which `datasets` makes pictures."""
    whole = pictures.combine_chunks() if isinstance(pictures, pa.ChunkedArray) else pictures
    return pa.StructArray.from_arrays(
        [whole, pa.nulls(len(whole), pa.string())], fields=list(IMAGE), mask=whole.is_null()
    )

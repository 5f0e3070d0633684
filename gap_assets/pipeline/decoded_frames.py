"""Stored frames decoded again, some at a time, for encoders that want pictures.

What an encoder makes of them is `encoders`'s business.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from gap_assets.pipeline.stages import failure
from gap_assets.warehouse.ledger import Failure
from gap_assets.warehouse.store import Warehouse

PICTURES = 512
"""Decoded at a time: of 256 by 455 pixels, 180 MB."""

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""


def frame_keys(warehouse: Warehouse, videos: Sequence[str]) -> pl.DataFrame:
    """The frames of some videos in order: `video_id`, `frame_index`, `repeats`, `position`."""
    return warehouse.read(
        "SELECT video_id, frame_index, coalesce(repeats, 1) AS repeats,"
        " row_number() OVER (PARTITION BY video_id ORDER BY frame_index) - 1 AS position"
        " FROM frames WHERE video_id IN (FROM given) ORDER BY video_id, frame_index",
        videos=videos,
    )


def portions(
    warehouse: Warehouse, keys: pl.DataFrame, failures: dict[str, Failure]
) -> Iterator[tuple[pl.DataFrame, list[Picture]]]:
    """The frames with these keys, at most `PICTURES` at a time, with the pictures.

    A video of which one cannot be decoded goes to the failures, and has none from there on.
    """
    for start in range(0, len(keys), PICTURES):
        portion = keys[start : start + PICTURES]
        stored = warehouse.read(
            "SELECT video_id, frame_index, image FROM frames JOIN"
            " (SELECT unnest(?) AS video_id, unnest(?) AS frame_index) portion"
            " USING (video_id, frame_index) ORDER BY video_id, frame_index",
            *(portion[column].to_list() for column in ("video_id", "frame_index")),
        )
        pictures: list[Picture] = []
        rows = []
        for row, (video, index, image) in enumerate(stored.iter_rows()):
            if video in failures:
                continue
            try:
                pictures.append(decode_jpeg(image))
                rows.append(row)
            except (OSError, ValueError, SyntaxError) as error:  # as Pillow says it
                broken = f"The stored frame {index} cannot be decoded ({error}); make it again."
                failures[video] = failure(ValueError(broken), final=False)
        if rows:
            yield portion[rows], pictures


def decode_jpeg(image: bytes) -> Picture:
    """The picture (H, W, 3) of a stored frame."""
    with Image.open(io.BytesIO(image), formats=["JPEG"]) as picture:
        return np.array(picture.convert("RGB"))  # A copy: libraries want arrays that are writable.

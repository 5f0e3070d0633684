"""Which frames the page shows of a video, and their pictures as one small JPEG."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gap_assets.gap.pairs import evenly_spaced
from gap_assets.warehouse.store import Warehouse

COLUMNS = 10
QUALITY = 70
LONGEST_SIDE = 16  # times the shorter one; what is longer is cut


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Pictures of a video in rows of ten, all of one size.

    Attributes:
        jpeg: All pictures as one.
        width: Of one picture, in pixels.
        height: Of one picture, in pixels.
    """

    jpeg: bytes
    width: int
    height: int


def frames_shown(kept: Sequence[bool], *, most: int) -> list[int]:
    """Positions of the frames to show, in order: those whose captions were kept go first.

    Args:
        kept: Of each frame of a video whether the filter kept its caption.
        most: How many to show.
    """
    first = np.flatnonzero(kept)
    others = np.flatnonzero(~np.asarray(kept, dtype=bool))
    chosen = first[evenly_spaced(len(first), most)] if len(first) else first
    room = most - len(chosen)
    if room > 0 and len(others):
        chosen = np.concatenate([chosen, others[evenly_spaced(len(others), room)]])
    return sorted(int(position) for position in chosen)


def read_strip(
    warehouse: Warehouse, video_id: str, frame_indices: Sequence[int], *, height: int
) -> Strip | None:
    """The pictures of some frames of a video; None if they are not there (any more).

    Args:
        warehouse: Holds them.
        video_id: The video.
        frame_indices: Which frames, in the order of the strip.
        height: Of each picture, in pixels; the first one decides the width.
    """
    rows = warehouse.tuples(
        "SELECT frame_index, image FROM frames WHERE video_id = ?"
        " AND frame_index IN (SELECT unnest(?::INTEGER[]))",
        video_id,
        list(frame_indices),
    )
    images: Mapping[int, bytes] = dict(rows)
    found = [images[index] for index in frame_indices if index in images]
    return compose(found, height=height) if len(found) == len(frame_indices) and found else None


def compose(images: Sequence[bytes], *, height: int) -> Strip:
    """Pictures in rows of ten.

    Args:
        images: JPEGs, as `frames` stores them; at least one.
        height: Of each in the strip, in pixels.
    """
    with Image.open(io.BytesIO(images[0]), formats=["JPEG"]) as first:
        ratio = min(max(first.width / first.height, 1 / LONGEST_SIDE), LONGEST_SIDE)
    width = max(1, round(height * ratio))
    columns, lines = min(len(images), COLUMNS), math.ceil(len(images) / COLUMNS)
    strip = Image.new("RGB", (columns * width, lines * height))
    for position, image in enumerate(images):
        with Image.open(io.BytesIO(image), formats=["JPEG"]) as picture:
            picture.draft("RGB", (width, height))  # Decodes at a fraction of the size.
            small = picture.convert("RGB").resize((width, height))
        strip.paste(small, (position % COLUMNS * width, position // COLUMNS * height))
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=QUALITY)
    return Strip(jpeg=buffer.getvalue(), width=width, height=height)

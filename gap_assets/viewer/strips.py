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


def read_strips(
    warehouse: Warehouse, frame_indices: Mapping[str, Sequence[int]], *, height: int
) -> dict[str, Strip]:
    """The pictures of some frames of some videos.

    Args:
        warehouse: Holds them.
        frame_indices: Of each video which frames, in the order of its strip.
        height: Of each picture, in pixels; the first one of a video decides the width.

    Returns:
        Video to strip; a video of which a picture is not there (any more) has none.
    """
    wanted = [(video, index) for video, indices in frame_indices.items() for index in indices]
    rows = warehouse.tuples(
        "SELECT video_id, frame_index, image FROM frames JOIN"
        " (SELECT unnest(?::VARCHAR[]) AS video_id, unnest(?::INTEGER[]) AS frame_index)"
        " USING (video_id, frame_index)",
        [video for video, _ in wanted],
        [index for _, index in wanted],
    )
    images = {(video, index): image for video, index, image in rows}
    strips = {}
    for video, indices in frame_indices.items():
        found = [images[video, index] for index in indices if images.get((video, index))]
        if found and len(found) == len(indices):
            strips[video] = compose(found, height=height)
    return strips


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

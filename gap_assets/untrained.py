"""The untrained baseline: the same frames and texts, embedded by networks with random weights.

This module is torch code through the model it is given; the networks themselves are
`gap_assets.coca`'s.
"""

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.fusion import mean
from gap_assets.gap.sources import NOISE
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca

VIDEOS_PER_READ = 16
NOISE_PICTURES = 100

TEXTS = """
    SELECT * FROM (
        SELECT video_id, 'summary' AS source, summary AS text FROM video_summaries
        WHERE summary <> ''
        UNION ALL SELECT video_id, 'reference', caption FROM reference_captions
    ) WHERE video_id = ANY(?) ORDER BY ALL
"""

KEYS = {
    "video_id": pl.String,
    "encoder": pl.String,
    "modality": pl.String,
    "source": pl.String,
}


def embed_untrained(
    coca: "Coca", warehouse: Warehouse, *, encoder: str, videos: int, batch_size: int
) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Embeds frames (fused by their mean), summaries, human captions and noise pictures.

    Args:
        coca: A network with random weights.
        warehouse: Holds the frames and the texts.
        encoder: The network's name in the rows.
        videos: How many videos to take, the first by id that have frames.
        batch_size: Frames per pass.

    Returns:
        The keys of the rows of `untrained_embeddings`, and their vectors (rows, D).
    """
    from gap_assets.coca.engine import embed_frames
    from gap_assets.coca.text import embed_texts

    ids = warehouse.read("SELECT DISTINCT video_id FROM frames ORDER BY video_id LIMIT ?", videos)[
        "video_id"
    ].to_list()
    keys: list[tuple[str, str, str, str]] = []
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(ids), VIDEOS_PER_READ):
        frames = warehouse.read(
            "SELECT video_id, image FROM frames WHERE video_id = ANY(?)"
            " ORDER BY video_id, frame_index",
            ids[start : start + VIDEOS_PER_READ],
        )
        embeddings = embed_frames(coca, frames["image"], batch_size=batch_size)
        for (video,), rows in frames.with_row_index().group_by("video_id", maintain_order=True):
            keys.append((str(video), encoder, "video", "mean"))
            vectors.append(mean(embeddings[rows["index"].to_numpy()]))
    texts = warehouse.read(TEXTS, ids)
    if len(texts):
        vectors.extend(embed_texts(coca, texts["text"].to_list()).embeddings)
        keys += [(video, encoder, "text", source) for video, source, _ in texts.iter_rows()]
    if ids:
        vectors.extend(embed_frames(coca, _noise(coca.image_size), batch_size=batch_size))
        keys += [(f"noise-{i}", encoder, NOISE, NOISE) for i in range(NOISE_PICTURES)]
    rows = pl.DataFrame(keys, schema=KEYS, orient="row")
    return rows, np.stack(vectors) if vectors else np.empty((0, coca.embed_dim), np.float32)


def _noise(side: int) -> list[bytes]:
    """Pictures of independent uniform noise, as the frames are stored."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(
        0, 256, (NOISE_PICTURES, side, side, 3), dtype=np.uint8
    )
    pictures = []
    for picture in pixels:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=90)
        pictures.append(file.getvalue())
    return pictures

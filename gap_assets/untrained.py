"""The untrained baseline: the same frames and texts, embedded by networks with random weights."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gap_assets.embedding import TEXTS, embed_sources, embedding_column, fuse_frames
from gap_assets.gap.sources import NOISE
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca

VIDEOS_PER_READ = 16
NOISE_PICTURES = 100
COLUMNS = ("video_id", "encoder", "modality", "source", "embedding")


def embed_untrained(
    coca: "Coca", warehouse: Warehouse, *, encoder: str, videos: int, batch_size: int
) -> pl.DataFrame:
    """Embeds videos, their texts and pictures of noise.

    Args:
        coca: A network with random weights.
        warehouse: Holds the frames and the texts.
        encoder: The network's name in the rows.
        videos: How many videos to take, the first by id that have frames.
        batch_size: Frames per pass.

    Returns:
        Rows of the table `untrained_embeddings`.
    """
    from gap_assets.coca.engine import embed_frames

    ids = warehouse.read("SELECT DISTINCT video_id FROM frames ORDER BY video_id LIMIT ?", videos)[
        "video_id"
    ].to_list()
    parts = []
    for start in range(0, len(ids), VIDEOS_PER_READ):
        chunk = ids[start : start + VIDEOS_PER_READ]
        frames = warehouse.read(
            "SELECT video_id, image FROM frames WHERE video_id IN (FROM given)"
            " ORDER BY video_id, frame_index",
            videos=chunk,
        )
        embeddings = embed_frames(coca, frames["image"], batch_size=batch_size)
        fused = fuse_frames(frames["video_id"], embeddings).rename({"fusion": "source"})
        parts.append(fused.with_columns(modality=pl.lit("video")))
        texts = embed_sources(coca, warehouse.read(TEXTS, videos=chunk))
        parts.append(texts.with_columns(modality=pl.lit("text")))
    if ids:
        noise = embed_frames(coca, _noise(coca.image_size), batch_size=batch_size)
        names = pl.Series("video_id", [f"noise-{i}" for i in range(len(noise))])
        of_noise = pl.DataFrame([names, embedding_column(noise)])
        parts.append(of_noise.with_columns(modality=pl.lit(NOISE), source=pl.lit(NOISE)))
    named = [part.with_columns(encoder=pl.lit(encoder)) for part in parts if len(part)]
    return pl.concat([part.select(COLUMNS) for part in named]) if named else pl.DataFrame()


def _noise(side: int) -> list[bytes]:
    """Pictures of independent uniform noise, as the frames are stored."""
    from PIL import Image

    from gap_assets.video.picture import jpeg

    pixels = np.random.default_rng(0).integers(
        0, 256, (NOISE_PICTURES, side, side, 3), dtype=np.uint8
    )
    return [jpeg(Image.fromarray(picture), 90) for picture in pixels]

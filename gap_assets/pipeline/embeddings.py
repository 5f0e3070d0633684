"""From rows of frames and texts to rows of embeddings: one vector per video and fusion or source.

A fusion makes one embedding of those of a video's frames. The models are `gap_assets.coca`'s; this
is what the trained network and the untrained controls share.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.parameters import CocaModel
from gap_assets.pipeline.models import resident_coca
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca


Embeddings = NDArray[np.float32]


Repeats = NDArray[np.int64]
"""(n,) how often each of n rows counts, at least 1."""


def weighted_mean(rows: Embeddings, repeats: Repeats) -> NDArray[np.float64]:
    """The mean (D,) of rows (n, D), each counted as often as it is repeated."""
    total = (rows * repeats[:, None].astype(np.float64)).sum(axis=0)
    return np.asarray(total / repeats.sum())


def mean(frames: Embeddings, repeats: Repeats) -> Embeddings:
    """The mean of the frames: what video retrieval does (CLIP4Clip, arXiv 2104.08860)."""
    return weighted_mean(frames, repeats).astype(np.float32)


def medoid(frames: Embeddings, repeats: Repeats) -> Embeddings:
    """The frame closest to all others by mean cosine; of those within 1e-5 of it, the first."""
    cosines = frames @ weighted_mean(frames, repeats)
    return np.asarray(frames[np.argmax(cosines >= cosines.max() - 1e-5)])


def maximum(frames: Embeddings, _: Repeats) -> Embeddings:
    """The largest value of each dimension."""
    return np.asarray(frames.max(axis=0))


def middle(frames: Embeddings, repeats: Repeats) -> Embeddings:
    """The frame in the middle of the video."""
    shown_until = repeats.cumsum()
    return np.asarray(frames[np.searchsorted(shown_until, shown_until[-1] // 2, side="right")])


FUSIONS: dict[str, Callable[[Embeddings, Repeats], Embeddings]] = {
    "mean": mean,
    "medoid": medoid,
    "max": maximum,
    "middle": middle,
}
"""Each takes the unit frame embeddings (n, D), n >= 1, in the order of the video, and how often
each counts (n,), and gives (D,).

The result is not normalised again: the norm of a mean says how alike the frames are.
"""


Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PooledText:
    """What one source says of one video, as one vector.

    Attributes:
        video_id: The video.
        source: The source.
        rows: Which of the texts it is the mean of.
        norm: Of the mean before it was made a unit vector; 1 for one text.
        vector: (D,) the unit vector.
    """

    video_id: str
    source: str
    rows: NDArray[np.uint32]
    norm: float
    vector: NDArray[np.float64]


# A text source is one text a video, or several whose unit embeddings are averaged as frames are.
TEXTS = """
    SELECT * FROM (
        SELECT video_id, 'summary' AS source, summary AS text, 0 AS position, 1 AS repeats
        FROM video_summaries WHERE summary <> ''
        UNION ALL SELECT video_id, 'captions', caption, frame_index, coalesce(repeats, 1)
        FROM frame_captions LEFT JOIN frames USING (video_id, frame_index)
        UNION ALL SELECT video_id, 'filtered', caption, rank, 1 FROM filtered_captions
        UNION ALL SELECT video_id, 'reference', caption, 0, 1 FROM reference_captions
    ) WHERE video_id IN (FROM given) ORDER BY video_id, source, position
"""


FRAMES = """
    SELECT video_id, embedding, coalesce(repeats, 1) AS repeats
    FROM frame_embeddings LEFT JOIN frames USING (video_id, frame_index)
    WHERE video_id IN (FROM given) ORDER BY video_id, frame_index
"""


def embedding_column(vectors: Vectors) -> pl.Series:
    """A column of vectors from an array (n, D), for the type `FLOAT[D]`."""
    return pl.Series("embedding", vectors, dtype=pl.Array(pl.Float32, vectors.shape[1]))


def fuse_frames(frames: pl.DataFrame, embeddings: Vectors) -> pl.DataFrame:
    """One row per video and fusion from the embeddings of its frames.

    Args:
        frames: Columns `video_id` and `repeats`; the frames of a video are in their order.
        embeddings: (n, D) unit rows.

    Returns:
        Columns `video_id`, `fusion`, `embedding` (not normalised again), `norm`, `n_frames` (a
        frame counted as often as it is repeated).
    """
    keys, vectors = [], []
    numbered = frames.select("video_id", "repeats").with_row_index("row")
    for (video,), rows in numbered.group_by("video_id", maintain_order=True):
        of_video = embeddings[rows["row"].to_numpy()]
        repeats = rows["repeats"].cast(pl.Int64).to_numpy()
        for fusion, fuse in FUSIONS.items():
            vectors.append(fuse(of_video, repeats))
            keys.append((video, fusion, float(np.linalg.norm(vectors[-1])), int(repeats.sum())))
    if not keys:
        return pl.DataFrame()
    columns = ("video_id", "fusion", "norm", "n_frames")
    rows = typed_rows("video_embeddings", keys, columns=columns)
    return rows.with_columns(embedding_column(np.stack(vectors)))


def pool_texts(texts: pl.DataFrame, vectors: Vectors) -> Iterator[PooledText]:
    """The normalised mean of the unit embeddings of each video and source.

    Args:
        texts: What the query `TEXTS` gives; the caption of a frame counts as often as the frame.
        vectors: (n, D) unit rows, one a row of `texts`.
    """
    numbered = texts.select("video_id", "source", "repeats").with_row_index("row")
    for (video, source), group in numbered.group_by("video_id", "source", maintain_order=True):
        rows = group["row"].to_numpy()
        mean = weighted_mean(vectors[rows], group["repeats"].cast(pl.Int64).to_numpy())
        norm = float(np.linalg.norm(mean))
        yield PooledText(
            video_id=str(video), source=str(source), rows=rows, norm=norm, vector=mean / norm
        )


def embed_sources(coca: "Coca", texts: pl.DataFrame) -> pl.DataFrame:
    """One row per video and text source: the normalised mean of its texts' unit embeddings.

    The caption of a frame counts as often as the frame.

    Args:
        coca: The model.
        texts: What the query `TEXTS` gives.

    Returns:
        Columns `video_id`, `source`, `embedding` (unit norm), `norm` (of the mean before that; 1
        for one text), `n_tokens` (of all its texts),
        `truncated` (whether one of them did not fit) and `cosine_to_captions` (to the video's
        embedding of the source `filtered`; null where it has none).
    """
    from gap_assets.coca.text import embed_texts

    if texts.is_empty():
        return pl.DataFrame()
    distinct = texts["text"].unique(maintain_order=True)
    embedded = embed_texts(coca, distinct.to_list())
    row_of = {text: row for row, text in enumerate(distinct)}
    of_text = np.array([row_of[text] for text in texts["text"]])
    keys, vectors = [], []
    for pooled in pool_texts(texts, embedded.embeddings[of_text]):
        vectors.append(pooled.vector)
        rows = of_text[pooled.rows]
        tokens, cut = embedded.n_tokens[rows].sum(), embedded.truncated[rows].any()
        keys.append((pooled.video_id, pooled.source, pooled.norm, int(tokens), bool(cut)))
    columns = ("video_id", "source", "norm", "n_tokens", "truncated")
    keyed = typed_rows("text_embeddings", keys, columns=columns)
    of_captions = {
        key[0]: vector for key, vector in zip(keys, vectors, strict=True) if key[1] == "filtered"
    }
    cosines = [
        float(vector @ of_captions[key[0]]) if key[0] in of_captions else None
        for key, vector in zip(keys, vectors, strict=True)
    ]
    keyed = keyed.with_columns(pl.Series("cosine_to_captions", cosines, dtype=pl.Float64))
    return keyed.with_columns(embedding_column(np.stack(vectors).astype(np.float32)))


def embed_videos(videos: Sequence[str], *, warehouse: Warehouse) -> Results:
    """The fused embeddings of some videos from those of their stored frames."""
    frames = warehouse.read_embeddings(FRAMES, videos=videos)
    rows = pl.DataFrame()
    if len(frames):
        rows = fuse_frames(frames, frames["embedding"].to_numpy())
    return Results(rows={"video_embeddings": rows})


def embed_video_texts(videos: Sequence[str], *, warehouse: Warehouse, coca: CocaModel) -> Results:
    """The embeddings of all that is said of some videos."""
    rows = embed_sources(resident_coca(coca), warehouse.read(TEXTS, videos=videos))
    return Results(rows={"text_embeddings": rows})

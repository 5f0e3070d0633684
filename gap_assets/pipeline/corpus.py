"""The embeddings of all videos as aligned arrays, the way the gap statistics want them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.gap.metric_rows import (
    CAPTIONS,
    NOISE,
    UNTRAINED,
    SourceVectors,
    both_present,
)
from gap_assets.gap.pairs import AnyFloats
from gap_assets.parameters import GapStatistics
from gap_assets.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is known of N videos by one encoder.

    Attributes:
        video_ids: The N videos that have a video embedding, sorted.
        sources: Their embeddings; a text that a video lacks is a row of NaN.
    """

    video_ids: list[str]
    sources: SourceVectors


def read_corpus(warehouse: Warehouse, *, videos: list[str] | None = None) -> Corpus:
    """Reads the embeddings by the trained model, of some videos or (None) of all."""
    fused = warehouse.read_embeddings(
        "SELECT video_id, fusion AS source, embedding, n_frames FROM video_embeddings"
        " WHERE ? OR video_id IN (FROM given)",
        videos is None,
        videos=videos or [],
    )
    texts = warehouse.read_embeddings(
        "SELECT video_id, source, embedding, norm FROM text_embeddings"
        " WHERE ? OR video_id IN (FROM given)",
        videos is None,
        videos=videos or [],
    )
    return _aligned(fused, texts)


def read_untrained(warehouse: Warehouse) -> dict[str, Corpus]:
    """Reads the embeddings by networks with random weights, by their names."""
    rows = warehouse.read(
        "SELECT encoder, video_id, modality, source, embedding FROM encoder_embeddings"
        " WHERE starts_with(encoder, ?) ORDER BY encoder",
        UNTRAINED,
    )
    if rows.is_empty():
        return {}
    return {
        str(encoder): _aligned(
            part.filter(modality="video"), part.filter(modality="text"), part.filter(modality=NOISE)
        )
        for (encoder,), part in rows.partition_by("encoder", as_dict=True).items()
    }


def read_encoder(warehouse: Warehouse, encoder: str, *, videos: list[str]) -> Corpus:
    """Reads the embeddings of some videos by another encoder."""
    rows = warehouse.read(
        "SELECT video_id, modality, source, embedding, norm FROM encoder_embeddings"
        " WHERE encoder = ? AND video_id IN (FROM given)",
        encoder,
        videos=videos,
    )
    return _aligned(rows.filter(modality="video"), rows.filter(modality="text"))


def _aligned(
    videos: pl.DataFrame, texts: pl.DataFrame, noise: pl.DataFrame | None = None
) -> Corpus:
    if videos.is_empty():
        return Corpus(video_ids=[], sources=SourceVectors(videos={}, texts={}))
    video_ids = sorted(set(videos["video_id"]))
    by_source: dict[str, AnyFloats] = {**_matrices(videos, video_ids)}
    if noise is not None and len(noise):
        by_source[NOISE] = noise["embedding"].to_numpy()
    texts_by_source = _matrices(texts, video_ids)
    return Corpus(
        video_ids=video_ids,
        sources=SourceVectors(
            videos=by_source,
            texts=texts_by_source,
            captions=_mean_captions(texts, texts_by_source.get(CAPTIONS), video_ids),
            frames=_frame_counts(videos, video_ids),
        ),
    )


def _mean_captions(
    texts: pl.DataFrame, unit: AnyFloats | None, video_ids: list[str]
) -> AnyFloats | None:
    """The mean of each video's unit captions: their unit vector by the stored length."""
    if unit is None or "norm" not in texts.columns:
        return None
    captions = texts.filter(pl.col("source") == CAPTIONS)
    norms = dict(captions.select("video_id", "norm").iter_rows())
    lengths = np.array([norms.get(video) for video in video_ids], dtype=np.float64)
    return np.asarray(unit * lengths[:, None])


def _frame_counts(videos: pl.DataFrame, video_ids: list[str]) -> NDArray[np.int64] | None:
    if "n_frames" not in videos.columns:
        return None
    counts = dict(videos.select("video_id", "n_frames").iter_rows())
    return np.array([counts[video] for video in video_ids], dtype=np.int64)


def _matrices(rows: pl.DataFrame, video_ids: list[str]) -> Mapping[str, AnyFloats]:
    if rows.is_empty():
        return {}
    position = {video: i for i, video in enumerate(video_ids)}
    size = rows.schema["embedding"].shape[0]  # type: ignore[attr-defined]
    matrices = {}
    for (source,), part in rows.partition_by("source", as_dict=True, maintain_order=True).items():
        part = part.filter(pl.col("video_id").is_in(video_ids))
        matrix = np.full((len(video_ids), size), np.nan, dtype=np.float32)
        matrix[[position[video] for video in part["video_id"]]] = part["embedding"].to_numpy()
        matrices[str(source)] = matrix
    return matrices


def main_pair(
    corpus: Corpus, statistics: GapStatistics
) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The videos that have both sides of the main pair, and their embeddings."""
    video = corpus.sources.videos.get(statistics.fusion)
    text = corpus.sources.texts.get(statistics.text_source)
    if video is None or text is None:
        return [], np.empty((0, 1)), np.empty((0, 1))
    present = both_present(video, text)
    ids = [corpus.video_ids[i] for i in np.flatnonzero(present)]
    return ids, video[present], text[present]

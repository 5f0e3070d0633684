"""The gap by how many frames and captions are pooled, and by how much a text says.

Belongs here: which videos, frames and captions are looked at, and the rows of `pooling_profile`.
What is measured of them is `gap_assets.gap.pooled`'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gap_assets.gap.pairs import MIN_PAIRS, AnyFloats, middles
from gap_assets.gap.pooled import LEVELS, PooledRow, detail_rows, grid_rows
from gap_assets.parameters import GapStatistics
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca

VIDEOS = 200
ENOUGH = 12  # videos; with fewer, texts have less room
SLOTS = (4, 3, 2)  # captions that a text has room for
BOOTSTRAPS = 200
COLUMNS = ("study", "frames", "texts", "unit", "metric", "value", "ci_low", "ci_high", "n")


def profile_pooling(
    coca: "Coca", warehouse: Warehouse, *, statistics: GapStatistics
) -> pl.DataFrame:
    """Measures at most 200 videos, evenly spread over those that have enough frames or captions.

    Args:
        coca: Embeds captions.
        warehouse: Holds frames' embeddings and captions.
        statistics: Seed and number of resamples, of which 200 at most are used.

    Returns:
        Rows of the table `pooling_profile`; none where fewer than three videos have two frames.
    """
    rows = [*_grid(coca, warehouse, statistics), *_detail(coca, warehouse, statistics)]
    return typed_rows("pooling_profile", [astuple(row) for row in rows], columns=COLUMNS)


def _grid(coca: "Coca", warehouse: Warehouse, statistics: GapStatistics) -> Iterator[PooledRow]:
    captions = warehouse.read(
        "SELECT video_id, frame_index, caption FROM frame_captions ORDER BY video_id, frame_index"
    )
    counts = dict(captions.group_by("video_id").len().iter_rows())
    level, videos = _level(counts)
    if len(videos) < MIN_PAIRS or level < LEVELS[1]:
        return
    chosen = pl.concat(
        [
            rows[middles(level, len(rows))]
            for video, rows in by_video(captions).items()
            if video in videos
        ]
    )
    frames = warehouse.read_embeddings(
        "SELECT video_id, frame_index, embedding FROM frame_embeddings"
        " WHERE video_id IN (FROM given)",
        videos=videos,
    )
    found = chosen.join(frames, on=["video_id", "frame_index"], how="left", maintain_order="left")
    if found["embedding"].null_count():
        return  # Frames that were captioned and not embedded: another run is at work on them.
    shape = (len(videos), level, -1)
    yield from grid_rows(
        found["embedding"].to_numpy().reshape(shape),
        _embedded(coca, found["caption"].to_list()).reshape(shape),
        bootstraps=min(statistics.bootstraps, BOOTSTRAPS),
        seed=statistics.seed,
    )


def _detail(coca: "Coca", warehouse: Warehouse, statistics: GapStatistics) -> Iterator[PooledRow]:
    captions = warehouse.read(
        "SELECT video_id, min(rank) AS rank, caption FROM filtered_captions"
        " GROUP BY video_id, caption ORDER BY video_id, rank"
    )
    of_video = {video: rows["caption"].to_list() for video, rows in by_video(captions).items()}
    slots, texts = _texts_that_fit(coca, of_video)
    if len(texts) < MIN_PAIRS:
        return
    means = warehouse.read_embeddings(
        "SELECT video_id, embedding, n_frames FROM video_embeddings"
        " WHERE fusion = 'mean' AND video_id IN (FROM given) ORDER BY video_id",
        videos=list(texts),
    )
    if len(means) < len(texts):
        return  # Videos with captions and no embedding: another run is at work on them.
    yield from detail_rows(
        means["embedding"].to_numpy(),
        {
            said: _embedded(coca, [of_one[said - 1] for of_one in texts.values()])
            for said in range(1, slots + 1)
        },
        frames=max(means["n_frames"]),
        bootstraps=min(statistics.bootstraps, BOOTSTRAPS),
        seed=statistics.seed,
    )


def _texts_that_fit(
    coca: "Coca", captions: Mapping[str, Sequence[str]]
) -> tuple[int, dict[str, list[str]]]:
    """The room of a text in captions, and by video the texts that say 1, 2 ... different ones.

    The most room for which the texts of enough videos are short enough for the model; only those
    videos are taken.
    """
    from gap_assets.coca.text import embed_texts

    found: dict[str, list[str]] = {}
    for slots in SLOTS:
        able = sorted(video for video, of_one in captions.items() if len(of_one) >= slots)
        told = {
            video: [_text(captions[video], said, slots) for said in range(1, slots + 1)]
            for video in (able[i] for i in middles(VIDEOS, len(able)))
        }
        if told:
            cut = embed_texts(coca, [text for each in told.values() for text in each]).truncated
            whole = np.asarray(~cut.reshape(len(told), slots).any(axis=1))
            found = {
                video: told[video] for video, fits in zip(told, whole.tolist(), strict=True) if fits
            }
        if len(found) >= ENOUGH:
            return slots, found
    return SLOTS[-1], found


def _level(counts: Mapping[str, int]) -> tuple[int, list[str]]:
    """The most captions that half of the videos have, and at most 200 of the videos that do."""
    level = LEVELS[0]
    for each in LEVELS:
        if sum(n >= each for n in counts.values()) >= max(MIN_PAIRS, len(counts) / 2):
            level = each
    videos = sorted(video for video, n in counts.items() if n >= level)
    return level, [videos[i] for i in middles(VIDEOS, len(videos))]


def _text(captions: Sequence[str], said: int, slots: int) -> str:
    """So many slots filled by so many of a video's captions, in turn, in the order of time."""
    chosen = [captions[i] for i in middles(said, len(captions))]
    return ". ".join(chosen[i * said // slots] for i in range(slots))


def _embedded(coca: "Coca", texts: Sequence[str]) -> AnyFloats:
    """(n, D) unit embeddings of texts, each different one embedded once."""
    from gap_assets.coca.text import embed_texts

    distinct, positions = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return embed_texts(coca, [str(text) for text in distinct]).embeddings[positions]

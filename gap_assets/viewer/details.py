"""What the page shows of single videos: the file, the frames with their captions, the texts."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gap_assets.viewer.pairs_shown import PairsShown
from gap_assets.viewer.ranking import neighbours
from gap_assets.viewer.strips import frames_shown
from gap_assets.warehouse.rows import by_video
from gap_assets.warehouse.store import Warehouse

VIDEOS = """
    SELECT video_id, path, status, error, container, codec, duration_s FROM videos
    WHERE video_id IN (FROM given)
"""

FRAMES = """
    SELECT f.video_id, f.frame_index, f.timestamp_s, coalesce(f.repeats, 1) AS repeats, c.caption,
        k.rank IS NOT NULL AS kept, k.cluster_size,
        CASE WHEN e.embedding IS NOT NULL AND t.embedding IS NOT NULL
            THEN list_inner_product(e.embedding::FLOAT[], t.embedding::FLOAT[]) END AS cosine
    FROM (SELECT video_id, frame_index, timestamp_s, repeats FROM frames
        WHERE video_id IN (FROM given)) f
    LEFT JOIN frame_captions c USING (video_id, frame_index)
    LEFT JOIN filtered_captions k USING (video_id, frame_index)
    LEFT JOIN frame_embeddings e USING (video_id, frame_index)
    LEFT JOIN (SELECT video_id, embedding FROM text_embeddings WHERE source = ?) t USING (video_id)
    ORDER BY f.video_id, f.frame_index
"""

Details = dict[str, Any]
"""Plain values, ready for JSON, but for `frame_indices`: those of the frames that are shown."""


def read_details(
    warehouse: Warehouse, shown: PairsShown, indices: Sequence[int], *, most_frames: int
) -> dict[int, Details]:
    """Reads what is shown of some pairs.

    Args:
        warehouse: The warehouse.
        shown: All pairs.
        indices: Which ones, by their places in `shown`.
        most_frames: How many frames of each.
    """
    names = {shown.video_ids[index]: index for index in indices}
    ids = list(names)
    files = {row["video_id"]: row for row in warehouse.read(VIDEOS, videos=ids).to_dicts()}
    frames = by_video(warehouse.read_embeddings(FRAMES, shown.text_source, videos=ids))
    cosines = shown.cosines
    order = cosines.argsort(kind="stable").argsort(kind="stable")
    near = dict(zip(indices, neighbours(shown, indices), strict=True))
    return {
        index: {
            **_file(files.get(video, {})),
            "id": video,
            "summary": shown.summaries[index],
            "human": shown.human[index],
            "cosine": round(float(cosines[index]), 4),
            "worst_first": int(order[index]) + 1,
            **near[index],
            **_frames(frames[video].to_dicts() if video in frames else [], most=most_frames),
        }
        for video, index in names.items()
    }


def _file(row: Mapping[str, Any]) -> Details:
    """Of the file: its name alone, for where it lies is nobody's business but this machine's."""
    return {
        "file": PurePath(row["path"]).name if row.get("path") else None,
        "status": row.get("status"),
        "error": row.get("error"),
        "codec": row.get("codec"),
        "duration_s": row.get("duration_s"),
    }


def _frames(rows: Sequence[Mapping[str, Any]], *, most: int) -> Details:
    positions = frames_shown([row["kept"] for row in rows], most=most) if rows else []
    return {
        "n_frames": len(rows),
        "frame_indices": [rows[position]["frame_index"] for position in positions],
        "frames": [_frame(rows[position]) for position in positions],
    }


def _frame(row: Mapping[str, Any]) -> Details:
    cosine = row["cosine"]
    return {
        "time": round(row["timestamp_s"], 2),
        "caption": row["caption"],
        "kept": row["kept"],
        "stands_for": row["cluster_size"],
        "repeats": row["repeats"],
        "cosine": None if cosine is None else round(cosine, 4),
    }

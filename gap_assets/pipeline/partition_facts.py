"""What the page of one video's partition shows of each asset: its own data, not the run's numbers.

Plain values here; how the UI shows them is `gap_assets.dagster.run_metadata`'s business.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from PIL import Image

from gap_assets.gap.metric_rows import UNTRAINED
from gap_assets.warehouse.rows import by_video
from gap_assets.warehouse.store import Warehouse

SHOWN_FRAMES = 8
SHOWN_CAPTIONS = 12
THUMBNAIL_HEIGHT = 64  # pixels
QUALITY = 60

Facts = dict[str, Any]
"""By name: a number, a text, a frame of rows, or the bytes of a JPEG."""


def facts_of_partitions(
    asset: str, videos: Sequence[str], *, warehouse: Warehouse
) -> Mapping[str, Facts]:
    """What an asset holds of each video; a video without rows has no facts."""
    find = FACTS.get(asset)
    return find(videos, warehouse) if find else {}


def _frames(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    counts = warehouse.read(
        "SELECT video_id, count(*) AS frames, max(timestamp_s) AS last_s, any_value(width) AS w,"
        " any_value(height) AS h, any_value(error) AS damage,"
        " sum(coalesce(repeats, 1)) AS counted FROM frames"
        " LEFT JOIN (SELECT video_id, error FROM videos WHERE status = 'damaged') USING (video_id)"
        " WHERE video_id IN (FROM given) GROUP BY video_id",
        videos=videos,
    )
    # Evenly spread over the video from its first.
    shown = warehouse.read(
        "SELECT video_id, timestamp_s, image FROM (SELECT *,"
        " row_number() OVER (PARTITION BY video_id ORDER BY frame_index) - 1 AS k,"
        " count(*) OVER (PARTITION BY video_id) AS n FROM frames WHERE video_id IN (FROM given))"
        " WHERE k % greatest(ceil(n / ?)::INT, 1) = 0 ORDER BY video_id, k",
        SHOWN_FRAMES,
        videos=videos,
    )
    strips = by_video(shown)
    facts: dict[str, Facts] = {}
    for video, frames, last, width, height, damage, counted in counts.iter_rows():
        strip = strips[video]
        times = ", ".join(f"{seconds:.1f}" for seconds in strip["timestamp_s"])
        facts[video] = {
            **({"damaged": damage} if damage else {}),
            "frames": frames,
            **({"frames with repeats of stills": int(counted)} if counted != frames else {}),
            "last frame at (s)": round(last, 2),
            "picture": f"{width} x {height} pixels",
            f"frames at {times} s": filmstrip(strip["image"].to_list()),
        }
    return facts


def filmstrip(images: Sequence[bytes]) -> bytes:
    """Pictures side by side as one small JPEG.

    Args:
        images: JPEGs, as `frames` stores them.
    """
    thumbnails = []
    for image in images:
        picture = Image.open(io.BytesIO(image), formats=["JPEG"])
        width = max(1, round(picture.width * THUMBNAIL_HEIGHT / picture.height))
        picture.draft("RGB", (width, THUMBNAIL_HEIGHT))  # Decodes at a fraction of the size.
        thumbnails.append(picture.convert("RGB").resize((width, THUMBNAIL_HEIGHT)))
    strip = Image.new("RGB", (sum(t.width for t in thumbnails), THUMBNAIL_HEIGHT))
    at = 0
    for thumbnail in thumbnails:
        strip.paste(thumbnail, (at, 0))
        at += thumbnail.width
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _frame_captions(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read(
        "SELECT video_id, round(timestamp_s, 2) AS seconds, caption,"
        " round(logprob, 3) + 0.0 AS logprob"
        " FROM frame_captions JOIN (SELECT video_id, frame_index, timestamp_s FROM frames)"
        " USING (video_id, frame_index) WHERE video_id IN (FROM given)"
        " ORDER BY video_id, frame_index",
        videos=videos,
    )
    return {
        video: {
            "captions": len(part),
            "different captions": part["caption"].n_unique(),
            _first("what was seen", part): part.drop("video_id").head(SHOWN_CAPTIONS),
        }
        for video, part in by_video(rows).items()
    }


def _frame_embeddings(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read_embeddings(
        "SELECT video_id, count(*) AS n, any_value(len(embedding)) AS dimensions"
        " FROM frame_embeddings WHERE video_id IN (FROM given) GROUP BY video_id",
        videos=videos,
    )
    return {video: {"embeddings": n, "dimensions": d} for video, n, d in rows.iter_rows()}


def _filtered_captions(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read(
        "SELECT video_id, caption, cluster_size AS stands_for, frames FROM filtered_captions"
        " WHERE video_id IN (FROM given) ORDER BY video_id, rank",
        videos=videos,
    )
    return {
        video: {
            "captions kept": len(part),
            "of frames": int(part["stands_for"].sum()),
            _first("kept", part): part.drop("video_id").head(SHOWN_CAPTIONS),
        }
        for video, part in by_video(rows).items()
    }


def _video_summaries(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read(
        "SELECT video_id, summary, n_captions, unsupported, ended, fallback, caption"
        " FROM video_summaries LEFT JOIN reference_captions USING (video_id)"
        " WHERE video_id IN (FROM given)",
        videos=videos,
    )
    facts: dict[str, Facts] = {}
    for video, summary, n, unsupported, ended, fallback, human in rows.iter_rows():
        facts[video] = {
            "summary": summary,
            **({"people wrote": human} if human else {}),
            "captions read": n,
            **({"words from no caption (%)": round(100 * unsupported, 1)} if unsupported else {}),
            **({} if ended is not False else {"cut": "at the token limit"}),
            **({"stands in": f"a caption; the model's answer was: {fallback}"} if fallback else {}),
        }
    return facts


def _video_embeddings(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read_embeddings(
        "SELECT video_id, n_frames, norm FROM video_embeddings WHERE fusion = 'mean'"
        " AND video_id IN (FROM given)",
        videos=videos,
    )
    return {
        video: {"frames fused": n, "norm of the mean": round(norm, 4)}
        for video, n, norm in rows.iter_rows()
    }


def _text_embeddings(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read_embeddings(
        "SELECT t.video_id, source, n_tokens AS tokens, truncated, cosine_to_video"
        " FROM text_embeddings t LEFT JOIN (SELECT s.video_id, s.source,"
        " round(list_inner_product(s.embedding, v.embedding) / v.norm, 4) AS cosine_to_video"
        " FROM text_embeddings s JOIN video_embeddings v USING (video_id)"
        " WHERE fusion = 'mean' AND video_id IN (FROM given)) USING (video_id, source)"
        " WHERE t.video_id IN (FROM given) ORDER BY t.video_id, source",
        videos=videos,
    )
    facts: dict[str, Facts] = {}
    for video, part in by_video(rows).items():
        [*own] = part.filter(source="summary")["cosine_to_video"]
        cosine = {"cosine of video and summary": own[0]} if own and own[0] is not None else {}
        facts[video] = {**cosine, "texts": part.drop("video_id")}
    return facts


def _event_embeddings(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read_embeddings(
        "SELECT video_id, sentence, round(start_s, 2) AS start_s, round(end_s, 2) AS end_s,"
        " n_frames AS frames, round(cosine_inside, 3) AS inside,"
        " round(cosine_outside, 3) AS outside, problem FROM event_embeddings"
        " WHERE video_id IN (FROM given) ORDER BY video_id, sentence_index",
        videos=videos,
    )
    return {
        video: {
            "sentences with times": len(part),
            "of them without frames": len(part.filter(frames=0)),
            _first("sentences", part): part.drop("video_id").head(SHOWN_CAPTIONS),
        }
        for video, part in by_video(rows).items()
    }


def _encoder_embeddings(videos: Sequence[str], warehouse: Warehouse) -> dict[str, Facts]:
    rows = warehouse.read(
        "SELECT v.video_id, v.encoder, len(v.embedding) AS dimensions, round(v.norm, 4) AS norm,"
        " round(list_inner_product(t.embedding, v.embedding) / v.norm, 4) AS cosine_to_summary"
        " FROM encoder_embeddings v LEFT JOIN (FROM encoder_embeddings WHERE modality = 'text'"
        " AND source = 'summary' AND video_id IN (FROM given)) t USING (encoder, video_id)"
        " WHERE v.modality = 'video' AND v.source IN ('mean', 'video')"
        " AND NOT starts_with(encoder, ?) AND v.video_id IN (FROM given)"
        " ORDER BY v.video_id, encoder",
        UNTRAINED,
        videos=videos,
    )
    return {
        video: {"encoders": len(part), "each video by": part.drop("video_id")}
        for video, part in by_video(rows).items()
    }


def _first(title: str, rows: pl.DataFrame) -> str:
    """The title of a list that may be cut."""
    return title if len(rows) <= SHOWN_CAPTIONS else f"{title} (the first {SHOWN_CAPTIONS})"


FACTS: dict[str, Callable[[Sequence[str], Warehouse], dict[str, Facts]]] = {
    "frames": _frames,
    "frame_captions": _frame_captions,
    "frame_embeddings": _frame_embeddings,
    "filtered_captions": _filtered_captions,
    "video_summaries": _video_summaries,
    "video_embeddings": _video_embeddings,
    "text_embeddings": _text_embeddings,
    "encoder_embeddings": _encoder_embeddings,
    "event_embeddings": _event_embeddings,
}

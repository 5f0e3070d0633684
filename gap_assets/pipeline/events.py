"""Sentences that say when they are true, beside the frames of then: the rows of `event_embeddings`.

What people timed is checked here. A time that cannot be used leaves a row that says why, so nothing
is dropped in silence; a video without times has no rows.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.parameters import CocaModel
from gap_assets.pipeline.embeddings import Repeats, Vectors, embedding_column, weighted_mean
from gap_assets.pipeline.models import resident_coca
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.schema import row_types
from gap_assets.warehouse.store import Warehouse

TIMED = """
    SELECT video_id, sentences, timestamps, duration_s FROM reference_captions
    JOIN videos USING (video_id)
    WHERE len(timestamps) > 0 AND len(sentences) > 0 AND video_id IN (FROM given)
    ORDER BY video_id
"""

FRAMES = """
    SELECT video_id, frame_index, timestamp_s, coalesce(repeats, 1) AS repeats, embedding
    FROM frame_embeddings JOIN frames USING (video_id, frame_index)
    WHERE video_id IN (FROM given) ORDER BY video_id, frame_index
"""

# What people timed was rounded, and files differ by a frame or two from what they saw.
ROUNDING_S = 0.5
DECIMALS = 6  # of a cosine; float32 tells no more of them apart

CUT_AT_START, CUT_AT_END = "begins before the video, so cut", "ends after the video, so cut"
NO_NUMBER, REVERSED = "its times are no numbers", "does not end after it begins"
OUTSIDE, UNPAIRED = "lies outside the video", "the video has not as many times as sentences"


class Span(NamedTuple):
    """When an event is; without times where what was given cannot be used."""

    start: float | None
    end: float | None
    problem: str | None = None


def check_span(start: float, end: float, *, duration: float) -> Span:
    """Cuts an event to its video, or says why it cannot be used.

    Args:
        start: In seconds.
        end: In seconds.
        duration: Of the video, in seconds; infinite if it is not known.
    """
    if not (np.isfinite(start) and np.isfinite(end)):
        return Span(None, None, NO_NUMBER)
    if end <= start:
        return Span(None, None, REVERSED)
    if end <= 0 or start >= duration:
        return Span(None, None, OUTSIDE)
    problem = CUT_AT_START if start < -ROUNDING_S else None
    problem = CUT_AT_END if end > duration + ROUNDING_S else problem
    return Span(max(start, 0.0), min(end, duration), problem)


def spans_of(
    timestamps: Sequence[Sequence[float]], *, sentences: int, duration: float | None
) -> list[Span]:
    """The event of each of a video's sentences."""
    if len(timestamps) != sentences:
        return [Span(None, None, UNPAIRED)] * sentences
    known = duration if duration and np.isfinite(duration) else np.inf
    return [check_span(start, end, duration=known) for start, end in timestamps]


class Frames(NamedTuple):
    """The n sampled frames of one video, in its order."""

    number: NDArray[np.int64]
    times: NDArray[np.float64]  # (n,) seconds
    repeats: Repeats
    embeddings: Vectors  # (n, D) unit rows

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Frames":
        """From rows of the query `FRAMES`."""
        return cls(
            rows["frame_index"].cast(pl.Int64).to_numpy(),
            rows["timestamp_s"].to_numpy(),
            rows["repeats"].cast(pl.Int64).to_numpy(),
            rows["embedding"].to_numpy(),
        )


def repeats_inside(frames: Frames, span: Span, *, duration: float | None) -> Repeats:
    """(n,) how often each frame counts inside an event: at so many of its moments it is shown.

    A frame that counts once is there at its own time. One that counts more often stays until the
    next, or until the video's end, and its moments are spread evenly over that time. An event
    begins with its first moment and ends before the next event's; the last one has the end.
    """
    if span.start is None or span.end is None or not len(frames.times):
        return np.zeros(len(frames.times), np.int64)
    until = np.append(frames.times[1:], duration or frames.times[-1])
    step = np.maximum(until - frames.times, 0) / frames.repeats
    row = np.repeat(np.arange(len(frames.times)), frames.repeats)
    earlier = (frames.repeats.cumsum() - frames.repeats)[row]
    moments = frames.times[row] + (np.arange(len(row)) - earlier) * step[row]
    is_last = duration is not None and span.end >= duration
    inside = (moments >= span.start) & ((moments < span.end) | is_last)
    return np.bincount(row[inside], minlength=len(frames.times))


def share_ahead(
    cosines: NDArray[np.floating[Any]], inside: Repeats, outside: Repeats
) -> float | None:
    """Share of pairs of a frame inside and one outside in which that inside is closer; ties half.

    The area under the ROC curve: 0.5 if time does not matter.

    Args:
        cosines: (n,) of the sentence with each frame.
        inside: (n,) how often each frame counts inside the event.
        outside: (n,) how often it counts outside.

    Returns:
        0 to 1; None if one of the two is empty.
    """
    if not inside.any() or not outside.any():
        return None
    _, place = np.unique(cosines.round(DECIMALS), return_inverse=True)
    ins, outs = np.bincount(place, inside), np.bincount(place, outside)
    return float((ins * (outs.cumsum() - outs / 2)).sum() / (ins.sum() * outs.sum()))


def embed_events(videos: Sequence[str], *, warehouse: Warehouse, coca: CocaModel) -> Results:
    """The timed sentences of some videos, embedded, with the mean of the frames of their time.

    Without any, no model is loaded.
    """
    timed = warehouse.read(TIMED, videos=videos)
    found = warehouse.read_embeddings(FRAMES, videos=timed["video_id"].to_list())
    frames = {video: Frames.of(rows) for video, rows in by_video(found).items()}
    if not frames:
        return Results(rows={"event_embeddings": pl.DataFrame()})
    from gap_assets.coca.text import embed_texts

    distinct = timed["sentences"].explode().unique(maintain_order=True)
    embedded = embed_texts(resident_coca(coca), distinct.to_list())
    row_of = {sentence: row for row, sentence in enumerate(distinct)}
    keys, means, stills, said = [], [], [], []
    for video, number, sentence, span, duration in _events(
        timed.filter(pl.col("video_id").is_in([*frames]))
    ):
        at = row_of[sentence]
        vector, cut = embedded.embeddings[at], bool(embedded.truncated[at])
        found_there = describe_event(frames[video], span, sentence=vector, duration=duration)
        keys.append((video, number, sentence, *span, cut, *found_there.columns))
        means.append(found_there.mean)
        stills.append(found_there.still)
        said.append(vector)
    columns = {"embedding": said, "frames_mean": means, "still": stills}
    series = [embedding_column(np.stack(of)).alias(name) for name, of in columns.items()]
    rows = typed_rows("event_embeddings", keys, columns=list(row_types("event_embeddings")))
    inside = pl.when(pl.col("n_frames") > 0)
    known = [inside.then(name).alias(name) for name in ("frames_mean", "still")]
    return Results(rows={"event_embeddings": rows.with_columns(series).with_columns(known)})


def _events(timed: pl.DataFrame) -> Iterator[tuple[str, int, str, Span, float | None]]:
    """Video, number, sentence, span and the video's duration of each event of the query `TIMED`."""
    for video, sentences, timestamps, duration in timed.iter_rows():
        spans = spans_of(timestamps, sentences=len(sentences), duration=duration)
        for number, (sentence, span) in enumerate(zip(sentences, spans, strict=True)):
            yield video, number, sentence, span, duration


class Described(NamedTuple):
    """What the frames say of an event."""

    columns: tuple[int, int, float | None, int | None, float | None, float | None, float | None]
    mean: Vectors  # (D,) zeros without frames inside, and so is the next
    still: Vectors  # (D,) of the frame in the middle


def describe_event(
    frames: Frames, span: Span, *, sentence: Vectors, duration: float | None
) -> Described:
    """The columns from `n_frames` on, the mean of the frames inside, and the one in the middle.

    Args:
        frames: Of the event's video.
        span: The event.
        sentence: (D,) its unit embedding.
        duration: Of the video in seconds, if it is known.
    """
    inside = repeats_inside(frames, span, duration=duration)
    outside = frames.repeats - inside
    n_frames, n_outside = int(inside.sum()), int(outside.sum())
    if not n_frames:
        none = np.zeros_like(sentence)
        return Described((0, n_outside, None, None, None, None, None), none, none)
    mean = weighted_mean(frames.embeddings, inside).astype(np.float32)
    cosines = frames.embeddings @ sentence
    middle = np.searchsorted(inside.cumsum(), n_frames // 2, side="right")
    columns = (
        n_frames,
        n_outside,
        float(np.linalg.norm(mean)),
        int(frames.number[middle]),
        float(np.average(cosines, weights=inside)),
        float(np.average(cosines, weights=outside)) if n_outside else None,
        share_ahead(cosines, inside, outside),
    )
    return Described(columns, mean, frames.embeddings[middle])

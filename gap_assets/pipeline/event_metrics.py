"""From the rows of `event_embeddings` to those of `event_metrics`, and to the report's section."""

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
import polars as pl

from gap_assets.gap.events.data import ALL, EventRow, Events
from gap_assets.gap.events.rows import event_rows
from gap_assets.gap.reporting.events import EventsShown, EventStrip, TimedSentence
from gap_assets.parameters import GapStatistics
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse

READ_AT_ONCE = 200  # videos
STRIP_SENTENCES = 2, 6  # of a video that is shown

USABLE = """
    SELECT video_id, count(*) AS n FROM event_embeddings e
    JOIN (SELECT video_id FROM video_embeddings WHERE fusion = 'mean') USING (video_id)
    WHERE e.n_frames > 0 GROUP BY video_id ORDER BY video_id
"""

EVENTS = """
    SELECT embedding AS sentence, frames_mean, still, cosine_outside, ahead,
        end_s - start_s AS length_s, n_frames
    FROM event_embeddings WHERE n_frames > 0 AND video_id IN (FROM given)
    ORDER BY video_id, sentence_index
"""

WHOLE = """
    SELECT embedding FROM video_embeddings
    WHERE fusion = 'mean' AND video_id IN (FROM given) ORDER BY video_id
"""

# What is wrong, or special, with some events: each counts events, or videos that have one event.
COUNTS = {
    "events_left_out": "FROM event_embeddings WHERE problem IS NOT NULL AND start_s IS NULL",
    "events_cut": "FROM event_embeddings WHERE problem IS NOT NULL AND start_s IS NOT NULL",
    "events_without_frames": "FROM event_embeddings WHERE start_s IS NOT NULL AND n_frames = 0",
    "videos_of_one_whole_event": "FROM (SELECT video_id FROM event_embeddings WHERE n_frames > 0"
    " GROUP BY video_id HAVING count(*) = 1 AND max(n_outside) = 0)",
}


def read_events(warehouse: Warehouse) -> Events | None:
    """All events that have frames, some videos at a time; None without any."""
    usable = warehouse.read_embeddings(USABLE)
    if usable.is_empty():
        return None
    events: Events | None = None
    filled = 0
    for start in range(0, len(usable), READ_AT_ONCE):
        part = usable[start : start + READ_AT_ONCE]
        videos = part["video_id"].to_list()
        rows = warehouse.read(EVENTS, videos=videos)
        whole = warehouse.read(WHOLE, videos=videos)["embedding"].to_numpy()
        if events is None:
            events = _room_for(int(usable["n"].sum()), len(usable), size=whole.shape[1])
        events.whole[start : start + len(part)] = whole
        here = slice(filled, filled + len(rows))
        events.video[here] = start + np.repeat(np.arange(len(part)), part["n"].to_numpy())
        _fill(events, rows, here)
        filled += len(rows)
    return events


def _room_for(events: int, videos: int, *, size: int) -> Events:
    """Arrays to be filled: a second copy of all vectors would be 170 MB for each of them."""
    sentences, inside = (np.empty((events, size), np.float32) for _ in range(2))
    still, outside, ahead, length_s = (np.empty(events) for _ in range(4))
    return Events(
        video=np.empty(events, np.int64),
        sentences=sentences,
        inside=inside,
        whole=np.empty((videos, size), np.float32),
        stills=np.zeros((videos, size), np.float32),
        still=still,
        outside=outside,
        ahead=ahead,
        length_s=length_s,
        n_frames=np.empty(events, np.int64),
    )


def _fill(events: Events, rows: pl.DataFrame, here: slice) -> None:
    """Puts rows of the query `EVENTS` into their place."""
    events.sentences[here] = rows["sentence"].to_numpy()
    events.inside[here] = rows["frames_mean"].to_numpy()
    stills = rows["still"].to_numpy()
    events.still[here] = np.vecdot(events.sentences[here], stills)
    np.add.at(events.stills, events.video[here], stills)
    events.n_frames[here] = rows["n_frames"].to_numpy()
    events.length_s[here] = rows["length_s"].to_numpy()
    for name, column in (("outside", "cosine_outside"), ("ahead", "ahead")):
        getattr(events, name)[here] = rows[column].fill_null(np.nan).to_numpy()


def measure_events(warehouse: Warehouse, *, statistics: GapStatistics) -> pl.DataFrame:
    """The rows of `event_metrics`; none where no sentence has times.

    Args:
        warehouse: The warehouse.
        statistics: How often videos are resampled, and the seed.
    """
    rows = [*_counts(warehouse)]
    events = read_events(warehouse)
    if events is not None:
        rows += event_rows(events, bootstraps=statistics.bootstraps, seed=statistics.seed)
    return typed_rows("event_metrics", (astuple(row) for row in rows))


def _counts(warehouse: Warehouse) -> Iterator[EventRow]:
    """How many events there are, and of how many something is to be said."""
    totals = warehouse.read_embeddings(
        "SELECT count(*) AS events, count(DISTINCT video_id) AS videos FROM event_embeddings"
    )
    if totals.is_empty() or not totals["events"].item():
        return
    n_events, n_videos = totals.row(0)
    for metric, query in COUNTS.items():
        found = warehouse.read(f"SELECT count(*) AS n {query}")["n"].item()
        yield EventRow(metric, ALL, float(found), None, None, n_events, n_videos)


def read_events_shown(warehouse: Warehouse) -> EventsShown | None:
    """What the report shows of events; None where no sentence has times."""
    rows = [EventRow(*row) for row in warehouse.read("FROM event_metrics").iter_rows()]
    if not rows:
        return None
    problems = warehouse.read(
        "SELECT problem, count(*) AS n FROM event_embeddings WHERE problem IS NOT NULL"
        " GROUP BY problem ORDER BY n DESC, problem"
    )
    return EventsShown(rows=rows, problems=dict(problems.iter_rows()), strips=[*_strips(warehouse)])


def _strips(warehouse: Warehouse) -> Iterator[EventStrip]:
    """The videos in which time shows most, as much as in the middle one, and least."""
    found = warehouse.read(
        "SELECT video_id FROM event_embeddings GROUP BY video_id"
        " HAVING count(*) BETWEEN ? AND ? AND bool_and(cosine_outside IS NOT NULL)"
        " ORDER BY avg(cosine_inside - cosine_outside) DESC, video_id",
        *STRIP_SENTENCES,
    )["video_id"].to_list()
    # Of one or two videos the later of these names count.
    chosen = {len(found) // 2: "middle", len(found) - 1: "smallest", 0: "largest difference"}
    for place, shows in sorted(chosen.items()) if found else ():
        yield _strip(warehouse, found[place], shows=shows)


def _strip(warehouse: Warehouse, video: str, *, shows: str) -> EventStrip:
    frames = warehouse.read(
        "SELECT timestamp_s, embedding FROM frame_embeddings"
        " JOIN frames USING (video_id, frame_index) WHERE video_id = ? ORDER BY frame_index",
        video,
    )
    said = warehouse.read(
        "SELECT sentence, start_s, end_s, embedding FROM event_embeddings WHERE video_id = ?"
        " ORDER BY sentence_index",
        video,
    )
    sentences = [
        TimedSentence(text=text, start=start, end=end) for text, start, end, _ in said.iter_rows()
    ]
    return EventStrip(
        video_id=video,
        shows=shows,
        times=frames["timestamp_s"].to_numpy(),
        cosines=said["embedding"].to_numpy() @ frames["embedding"].to_numpy().T,
        sentences=sentences,
    )

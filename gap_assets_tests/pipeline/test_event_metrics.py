"""From stored events to numbers and to what the report shows, on rows whose truth is known."""

import numpy as np
import polars as pl
import pytest

from gap_assets.gap.events.data import find_row
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline import event_metrics
from gap_assets.pipeline.event_metrics import measure_events, read_events, read_events_shown
from gap_assets.pipeline.events import REVERSED, Frames, Span, describe_event
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put

SIZE, SECONDS = 16, 6
STATISTICS = GapStatistics(bootstraps=30)


def column(name, vectors):
    return pl.Series(name, np.array(vectors, np.float32), dtype=pl.Array(pl.Float32, SIZE))


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def stored(warehouse, *, videos):
    """Puts videos of two events, a last one of one event that is all of it, and frames of each."""
    rng = np.random.default_rng(0)
    frame_keys, frame_vectors, keys, said, means, stills, whole = [], [], [], [], [], [], []
    for number in range(videos):
        video, only = f"v{number:02d}", number == videos - 1
        content = unit(rng.normal(size=(2, SIZE)))
        vectors = unit(np.repeat(content, 3, axis=0) + 0.3 * rng.normal(size=(SECONDS, SIZE)))
        frames = Frames(np.arange(6), np.arange(6.0), np.ones(6, int), vectors)
        frame_keys += [(video, k, float(k), 1) for k in range(SECONDS)]
        frame_vectors += [*vectors]
        whole.append(vectors.mean(axis=0))
        spans = [Span(0.0, 6.0)] if only else [Span(0.0, 3.0), Span(3.0, 6.0)]
        spans += [Span(None, None, REVERSED)] if number == 0 else []
        for index, span in enumerate(spans):
            sentence = content[index % 2]
            columns, mean, still = describe_event(frames, span, sentence=sentence, duration=6.0)
            keys.append((video, index, f"sentence {index}", *span, False, *columns))
            said.append(sentence)
            means.append(mean)
            stills.append(still)
    columns = ("video_id", "frame_index", "timestamp_s", "repeats")
    of_frames = typed_rows("frames", frame_keys, columns=columns)
    events = typed_rows("event_embeddings", keys).with_columns(
        column("embedding", said), column("frames_mean", means), column("still", stills)
    )
    some = pl.when(pl.col("n_frames") > 0)
    known = [some.then(name).alias(name) for name in ("frames_mean", "still")]
    fused = typed_rows(
        "video_embeddings",
        [(f"v{number:02d}", "mean", 1.0, 6) for number in range(videos)],
        columns=("video_id", "fusion", "norm", "n_frames"),
    ).with_columns(column("embedding", whole))
    embedded = of_frames.select("video_id", "frame_index").with_columns(
        column("embedding", frame_vectors)
    )
    rows = {"frames": of_frames, "frame_embeddings": embedded, "video_embeddings": fused}
    # Neither table keeps an order.
    shuffled = events.with_columns(known).sample(fraction=1, shuffle=True, seed=1)
    put(warehouse, rows | {"event_embeddings": shuffled}, where={})


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_events_are_read_whole_whatever_is_read_at_once(warehouse, at_once, monkeypatch):
    stored(warehouse, videos=5)
    monkeypatch.setattr(event_metrics, "READ_AT_ONCE", at_once)
    events = read_events(warehouse)
    assert events.video.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    inside = np.vecdot(events.sentences, events.inside)
    rows = warehouse.read(
        "FROM event_embeddings WHERE n_frames > 0 ORDER BY video_id, sentence_index"
    )
    assert inside == pytest.approx(rows["cosine_inside"].to_numpy(), abs=1e-6)
    assert events.contrasted.tolist() == [True] * 8 + [False]
    assert np.isnan(events.ahead[-1])
    still = np.vecdot(rows["embedding"].to_numpy(), rows["still"].to_numpy())
    assert events.still == pytest.approx(still, abs=1e-6)
    assert events.stills[0] == pytest.approx(rows["still"].to_numpy()[:2].sum(axis=0), abs=1e-6)
    stills = warehouse.read(
        "SELECT still = f.embedding AS same FROM event_embeddings e JOIN frame_embeddings f"
        " ON e.video_id = f.video_id AND frame_index = middle_frame"
    )
    assert stills["same"].all()
    assert len(stills) == 9
    assert events.whole[4].tolist() == pytest.approx(events.inside[8].tolist(), abs=1e-6)
    assert events.length_s.tolist() == [3.0] * 8 + [6.0]


def test_what_is_measured_is_what_sql_says(warehouse):
    stored(warehouse, videos=6)
    rows = measure_events(warehouse, statistics=STATISTICS)
    put(warehouse, {"event_metrics": rows}, where={})
    shown = read_events_shown(warehouse)
    sql = "SELECT avg(cosine_inside - cosine_outside), avg(ahead) FROM event_embeddings"
    [[difference, ahead]] = warehouse.tuples(sql)
    found = find_row(shown.rows, "inside_minus_outside")
    assert found.value == pytest.approx(difference, abs=1e-6)
    assert (found.n_events, found.n_videos) == (10, 5)
    assert find_row(shown.rows, "ahead_of_outside").value == pytest.approx(ahead)
    assert find_row(shown.rows, "gap_debiased").n_events == 11
    assert find_row(shown.rows, "events_left_out").value == 1
    assert find_row(shown.rows, "videos_of_one_whole_event").value == 1
    assert find_row(shown.rows, "events_left_out").n_events == 12
    assert shown.problems == {REVERSED: 1}
    assert [strip.shows for strip in shown.strips] == ["largest difference", "middle", "smallest"]
    for strip in shown.strips:
        assert strip.times.tolist() == [0, 1, 2, 3, 4, 5]
        assert strip.cosines.shape == (2, 6)
        assert [said.start for said in strip.sentences] == [0, 3]


def test_without_events_there_are_no_numbers_and_nothing_is_shown(warehouse: Warehouse):
    rows = measure_events(warehouse, statistics=STATISTICS)
    assert rows.is_empty()
    put(warehouse, {"event_metrics": rows}, where={})
    assert read_events_shown(warehouse) is None


def test_two_videos_are_counted_and_not_measured(warehouse):
    stored(warehouse, videos=2)
    rows = measure_events(warehouse, statistics=STATISTICS)
    assert set(rows["metric"]) == set(event_metrics.COUNTS)

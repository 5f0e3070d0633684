"""Which frames are inside an event, and what becomes of times that cannot be used."""

import json
import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.parameters import CocaModel
from gap_assets.pipeline import events
from gap_assets.pipeline.events import (
    CUT_AT_END,
    CUT_AT_START,
    NO_NUMBER,
    OUTSIDE,
    REVERSED,
    UNPAIRED,
    Frames,
    Span,
    check_span,
    describe_event,
    embed_events,
    repeats_inside,
    share_ahead,
    spans_of,
)
from gap_assets.pipeline.reference_captions import read_captions
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put

NAN, INF = math.nan, math.inf
EMBEDDED = PROFILES["embedded"]


def frames(times, repeats=None, *, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(len(times), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Frames(
        np.arange(len(times)),
        np.array(times, float),
        np.array(repeats or [1] * len(times)),
        vectors.astype(np.float32),
    )


@pytest.mark.parametrize(
    ("given_span", "expected"),
    [
        ((2, 5), Span(2, 5)),
        ((-0.2, 5), Span(0, 5)),
        ((-3, 5), Span(0, 5, CUT_AT_START)),
        ((2, 10.3), Span(2, 10)),
        ((2, 14), Span(2, 10, CUT_AT_END)),
        ((5, 2), Span(None, None, REVERSED)),
        ((2, 2), Span(None, None, REVERSED)),
        ((11, 14), Span(None, None, OUTSIDE)),
        ((-4, -1), Span(None, None, OUTSIDE)),
        ((NAN, 5), Span(None, None, NO_NUMBER)),
        ((2, INF), Span(None, None, NO_NUMBER)),
    ],
)
def test_times_are_cut_to_the_video_or_left_out_with_the_reason(given_span, expected):
    assert check_span(*given_span, duration=10.0) == expected


def test_times_are_used_as_they_are_where_no_duration_is_known():
    for unknown in (None, NAN, 0.0):
        assert spans_of([[2, 500]], sentences=1, duration=unknown) == [Span(2, 500)]
    assert spans_of([[0, 1]], sentences=2, duration=9) == [Span(None, None, UNPAIRED)] * 2


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.lists(st.floats(0, 40), min_size=1, max_size=4, unique=True),
)
def test_events_that_follow_each_other_share_out_the_frames(repeats, borders):
    """At one frame a second, where a picture that stays is stored once."""
    times = np.cumsum([0, *repeats[:-1]])
    duration = float(sum(repeats))
    cuts = sorted({0.0, *(border for border in borders if border < duration), duration})
    spans = [Span(*span) for span in pairwise(cuts)]
    counts = [repeats_inside(frames(times, repeats), span, duration=duration) for span in spans]
    assert sum(counts).tolist() == repeats
    for span, count in zip(spans, counts, strict=True):
        last = span.end == duration
        seconds = np.arange(duration)
        assert count.sum() == ((seconds >= span.start) & ((seconds < span.end) | last)).sum()


def test_a_picture_that_stays_counts_as_often_as_it_is_shown_inside():
    still = frames([0, 1, 9], [1, 8, 1])
    assert repeats_inside(still, Span(3, 6), duration=10).tolist() == [0, 3, 0]
    assert repeats_inside(still, Span(8.2, 10), duration=10).tolist() == [0, 0, 1]
    assert repeats_inside(still, Span(8.2, 8.9), duration=None).tolist() == [0, 0, 0]
    assert repeats_inside(still, Span(None, None, OUTSIDE), duration=10).tolist() == [0, 0, 0]


@given(st.integers(0, 10_000))
def test_what_is_said_of_an_event_is_what_its_frames_one_by_one_give(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    of_video = frames(np.arange(n), list(rng.integers(1, 4, n)), seed=seed)
    sentence = rng.normal(size=8).astype(np.float32)
    sentence /= np.linalg.norm(sentence)
    span = Span(0.0, float(rng.integers(1, n)))
    columns, mean, still = describe_event(of_video, span, sentence=sentence, duration=float(n))
    n_frames, n_outside, norm, middle, inside, outside, ahead = columns
    counts = repeats_inside(of_video, span, duration=float(n))
    one_by_one = np.repeat(np.arange(n), counts)
    others = np.repeat(np.arange(n), of_video.repeats - counts)
    cosines = of_video.embeddings @ sentence
    assert (n_frames, n_outside) == (len(one_by_one), len(others))
    assert mean == pytest.approx(of_video.embeddings[one_by_one].mean(axis=0), abs=1e-6)
    assert norm == pytest.approx(float(np.linalg.norm(mean)))
    assert middle == one_by_one[n_frames // 2]
    assert still.tolist() == of_video.embeddings[middle].tolist()
    assert inside == pytest.approx(cosines[one_by_one].mean(), abs=1e-6)
    assert inside == pytest.approx(float(sentence @ mean), abs=1e-6)
    assert outside == pytest.approx(cosines[others].mean(), abs=1e-6)
    pairs = cosines[one_by_one][:, None] > cosines[others]
    assert ahead == pytest.approx(pairs.mean(), abs=1e-6)


def test_frames_that_are_equally_close_are_ahead_half_of_the_time():
    assert share_ahead(np.full(3, 0.4), np.array([1, 2, 0]), np.array([0, 1, 4])) == 0.5
    assert share_ahead(np.array([0.2, 0.4]), np.array([1, 1]), np.array([0, 0])) is None


def test_an_event_without_a_frame_and_one_of_the_whole_video():
    of_video = frames([0, 1, 2])
    sentence = of_video.embeddings[0]
    columns, *_ = describe_event(of_video, Span(1.2, 1.8), sentence=sentence, duration=3.0)
    assert columns == (0, 3, None, None, None, None, None)
    columns, *_ = describe_event(of_video, Span(0, 3), sentence=sentence, duration=3.0)
    assert columns[:2] == (3, 0)
    assert columns[-2:] == (None, None)


@pytest.fixture
def filled(warehouse: Warehouse, tmp_path):
    """Three videos of four frames; the first with good times, the last without any."""
    videos = typed_rows(
        "videos",
        [(v, 4.0) for v in "abc"],
        columns=("video_id", "duration_s"),
    )
    vectors = frames(range(12)).embeddings
    size = 64
    wide = np.zeros((12, size), np.float32)
    wide[:, :8] = vectors
    keys = [(v, k, float(k), 1) for v in "abc" for k in range(4)]
    columns = ("video_id", "frame_index", "timestamp_s", "repeats")
    of_frames = typed_rows("frames", keys, columns=columns)
    embeddings = of_frames.select("video_id", "frame_index").with_columns(
        pl.Series("embedding", wide, dtype=pl.Array(pl.Float32, size))
    )
    told = {
        "a": {"sentences": ["a red ball", "a blue box"], "timestamps": [[0, 2], [2, 9]]},
        "b": {"sentences": ["a red ball", "a ring"], "timestamps": [[3, 1], [1.2, 1.8]]},
        "c": {"sentences": ["a red ball"]},
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps(told))
    rows = {"videos": videos, "frames": of_frames, "frame_embeddings": embeddings}
    put(warehouse, rows | {"reference_captions": read_captions(path)}, where={})
    return warehouse


class OnlySentences:
    """A stand-in for CoCa's text tower: a text is its length."""

    def __init__(self, texts):
        self.embeddings = np.zeros((len(texts), 64), np.float32)
        self.embeddings[np.arange(len(texts)), [len(text) % 8 for text in texts]] = 1
        self.truncated = np.zeros(len(texts), bool)


@pytest.fixture
def coca(monkeypatch):
    monkeypatch.setattr(events, "resident_coca", lambda _: None)
    monkeypatch.setattr("gap_assets.coca.text.embed_texts", lambda _, texts: OnlySentences(texts))
    return CocaModel(model=EMBEDDED.coca, weights=EMBEDDED.weights)


def test_rows_are_stored_and_read_back_also_without_frames(filled, coca):
    made = embed_events(["a", "b", "c"], warehouse=filled, coca=coca).rows["event_embeddings"]
    put(filled, {"event_embeddings": made}, where={})
    rows = filled.read_embeddings("FROM event_embeddings ORDER BY video_id, sentence_index")
    assert rows.select("video_id", "sentence_index", "n_frames", "problem").rows() == [
        ("a", 0, 2, None),
        ("a", 1, 2, CUT_AT_END),
        ("b", 0, 0, REVERSED),
        ("b", 1, 0, None),
    ]
    assert rows["frames_mean"].is_null().to_list() == [False, False, True, True]
    assert rows["start_s"].to_list() == [0, 2, None, 1.2]
    assert rows["end_s"].to_list() == [2, 4, None, 1.8]
    without = filled.read_embeddings("FROM event_embeddings WHERE video_id = 'b'")
    assert without["frames_mean"].null_count() == without["still"].null_count() == 2


def test_videos_without_times_have_no_rows_and_load_no_model(filled, monkeypatch):
    monkeypatch.setattr(events, "resident_coca", lambda _: pytest.fail("a model was loaded"))
    coca = CocaModel(model=EMBEDDED.coca, weights=EMBEDDED.weights)
    assert embed_events(["c"], warehouse=filled, coca=coca).rows["event_embeddings"].is_empty()

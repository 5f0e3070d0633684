"""What the section says of numbers: what their intervals support, and nothing more."""

import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from gap_assets.gap.events.data import ALL, LONGEST, SHORTEST, EventRow
from gap_assets.gap.events.rows import event_rows
from gap_assets.gap.reporting.events import (
    EventsShown,
    EventStrip,
    TimedSentence,
    by_sign,
    concluded,
    event_section,
    with_ends,
)
from gap_assets.gap.reporting.figures import style
from gap_assets.gap.reporting.figures.events import cosine_figure, gap_figure, strip_figure
from gap_assets_tests.gap.events.conftest import simulated

COUNTS = ("events_left_out", "events_cut", "events_without_frames", "videos_of_one_whole_event")


def row(metric, value, low=None, high=None, *, group=ALL):
    return EventRow(metric, group, value, low, high, 85, 24)


def counts(*values):
    return [row(metric, float(value)) for metric, value in zip(COUNTS, values, strict=True)]


def strip(*sentences, seed=0):
    rng = np.random.default_rng(seed)
    return EventStrip(
        video_id="v",
        shows="largest difference",
        times=np.arange(6.0),
        cosines=rng.uniform(size=(len(sentences), 6)),
        sentences=sentences,
    )


def text_of(shown):
    return " ".join(event_section(shown)["sentences"])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.14, "above 0.120 [0.100, 0.140]"),
        (-0.14, -0.1, "below 0.120 [0.100, 0.140]"),
        (-0.01, 0.25, "unknown 0.120 [−0.010, 0.250]"),
        (None, None, "unknown 0.120"),
        (1e-9, 2e-9, "unknown 0.120 [0.000, 0.000]"),
    ],
)
def test_a_difference_is_said_by_its_interval(low, high, said):
    value = 0.12 if low is None or low > -0.1 else -0.12
    found = by_sign(
        row("x", value, low, high), above="above {}", below="below {}", unknown="unknown {}"
    )
    assert list(found) == [said]


def test_nothing_is_said_of_what_was_not_measured():
    assert list(by_sign(None, above="", below="", unknown="")) == []
    assert event_section(None) is None
    assert event_section(EventsShown(rows=[], problems={}, strips=[])) is None


def test_an_interval_has_the_decimals_that_tell_its_ends_apart():
    assert with_ends(row("x", 0.12, 0.1, 0.14)) == "0.120 [0.100, 0.140]"
    assert with_ends(row("x", 0.0002, -0.0003, 0.0009)) == "0.0002 [−0.0003, 0.0009]"
    assert with_ends(row("x", 0.5, 0.5, 0.5)) == "0.500 [0.500, 0.500]"
    assert with_ends(row("x", 0.906, 0.87, 0.947), percent=True) == "91% [87%, 95%]"


def test_what_is_special_about_events_is_counted():
    shown = EventsShown(
        rows=counts(3, 1, 2, 4), problems={"ends before it begins": 3, "cut": 1}, strips=[]
    )
    text = text_of(shown)
    assert "85 sentences of 24 videos" in text
    assert "The times of 3 cannot be used, and those of 1 were cut" in text
    assert "(ends before it begins: 3; cut: 1)" in text
    assert "2 fall between two sampled frames" in text
    assert "4 videos have a single event that covers everything" in text
    assert "too few to measure" in text


def test_a_tie_in_time_is_concluded_only_where_there_is_one():
    tied = counts(0, 0, 0, 0) + list(event_rows(simulated(80), bootstraps=60, seed=0))
    text = text_of(EventsShown(rows=tied, problems={}, strips=[]))
    assert "A sentence is closer to the frames inside its event than to the video's" in text
    assert "cannot be used" not in text
    assert "covers everything" not in text
    loose = list(event_rows(simulated(80, tie=0.0), bootstraps=60, seed=0))
    text = " ".join(concluded(loose))
    assert (
        "closer to the frames inside its event than to the video's other frames is undetermin"
        in text
    )
    assert "so much is the video, not the time" in text


def test_one_event_a_video_leaves_only_the_gap():
    rows = list(event_rows(simulated(40, most=1), bootstraps=20, seed=0))
    text = " ".join(concluded(rows))
    assert "frames both inside and outside" in text
    assert "The gap between sentences" in text
    assert "mean cosine" not in text
    assert cosine_figure(rows) is None


def test_groups_of_length_are_compared_with_what_else_they_differ_in():
    rows = [
        *(row("gap_debiased", 0.5, 0.4, 0.6), row("gap_longest_minus_shortest", 0.1, 0.05, 0.15)),
        *(row("length_s", 60.0, group=LONGEST), row("length_s", 5.0, group=SHORTEST)),
    ]
    text = " ".join(concluded(rows))
    assert "longest third of events (60.0 s on average) exceeds that of the shortest (5.0 s" in text
    assert "need not be the cause" in text


def test_figures_are_as_wide_as_a_phone_shows_them():
    rows = list(event_rows(simulated(), bootstraps=20, seed=0))
    shown = strip(TimedSentence(text="a", start=0.0, end=2.0))
    for figure in (cosine_figure(rows), gap_figure(rows), strip_figure(shown)):
        assert figure.get_figwidth() == style.PANEL[0]
    assert gap_figure([]) is None


def test_hostile_and_untimed_sentences_are_shown_as_text():
    hostile = TimedSentence(text="<b>$x_$ \x00 100 %", start=1.0, end=3.0)
    unknown = TimedSentence(text="when?", start=None, end=None)
    flat = replace(strip(hostile, unknown), cosines=np.zeros((2, 6)))
    section = event_section(EventsShown(rows=counts(1, 0, 0, 0), problems={}, strips=[flat]))
    assert section["lists"][0]["lines"][1] == "when? (? to ? s)"
    [uri] = section["strips"]["panels"].values()
    ET.fromstring(b64decode(re.sub("^.*,", "", uri)))
    assert section["exhibit"]["panels"] == {}

"""The section *The gap in time*: sentences that say when they are true, against the frames of then.

Every sentence here is made of the numbers of `event_metrics`. One whose interval includes zero is
called undetermined; absence is never concluded.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gap_assets.gap.events.data import LONGEST, SHORTEST, EventRow, find_row
from gap_assets.gap.metrics.retrieval import TIE
from gap_assets.gap.pairs import MIN_PAIRS, AnyFloats, FloatArray
from gap_assets.gap.reporting.numbers import number


@dataclass(frozen=True, kw_only=True)
class TimedSentence:
    """A sentence and when it is true, in seconds; None where its times cannot be used."""

    text: str
    start: float | None
    end: float | None


@dataclass(frozen=True, kw_only=True)
class EventStrip:
    """How close each of a video's sentences is to each of its frames.

    Attributes:
        video_id: The video.
        shows: Why this one is shown.
        times: (n,) of the frames, in seconds.
        cosines: (sentences, n) of each sentence with each frame.
        sentences: The sentences.
    """

    video_id: str
    shows: str
    times: FloatArray
    cosines: AnyFloats
    sentences: Sequence[TimedSentence]


@dataclass(frozen=True, kw_only=True)
class EventsShown:
    """What the section is made of.

    Attributes:
        rows: The content of `event_metrics`.
        problems: What was wrong with times, and of how many sentences.
        strips: A few videos.
    """

    rows: Sequence[EventRow]
    problems: Mapping[str, int]
    strips: Sequence[EventStrip]


def event_section(shown: EventsShown | None) -> dict[str, Any] | None:
    """What the page's template reads of the section; None where no sentence has times."""
    from gap_assets.gap.reporting.figures.events import cosine_figure, gap_figure, strip_figure
    from gap_assets.gap.reporting.figures.style import exhibit

    if shown is None or not shown.rows:
        return None
    figures = {
        "Mean cosine of a sentence with frames inside, outside and elsewhere": cosine_figure,
        "Gap of sentences and the frames of their events, by length and frames": gap_figure,
    }
    drawn = {alt: made for alt, draw in figures.items() if (made := draw(shown.rows))}
    strips = {f"Sentences of {s.video_id} over time": strip_figure(s) for s in shown.strips}
    return {
        "sentences": [*_counted(shown), *concluded(shown.rows)],
        "exhibit": exhibit("events", drawn),
        "strips": exhibit("event_strips", strips),
        "lists": [_listed(strip) for strip in shown.strips],
    }


def _listed(strip: EventStrip) -> dict[str, Any]:
    return {
        "video_id": strip.video_id,
        "shows": strip.shows,
        "lines": [
            f"{said.text} ({_seconds(said.start)} to {_seconds(said.end)} s)"
            for said in strip.sentences
        ],
    }


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f}"


def with_ends(row: EventRow, *, percent: bool = False) -> str:
    """`0.120 [0.100, 0.140]`, or the same in percent.

    A narrow interval has as many decimals as tell its ends apart.
    """
    ends = [end for end in (row.ci_low, row.ci_high) if end is not None]
    width = max(ends) - min(ends) if ends else 0.0
    digits = min(max(3, 1 - math.floor(math.log10(width))), 6) if width > TIE else 3

    def told(value: float) -> str:
        return f"{value:.0%}" if percent else number(value, digits)

    return f"{told(row.value)} [{', '.join(map(told, ends))}]" if ends else told(row.value)


def by_sign(row: EventRow | None, *, above: str, below: str, unknown: str) -> Iterator[str]:
    """The sentence that the interval of a difference supports.

    Args:
        row: The difference; without it nothing is said, without an interval `unknown`.
        above: Where all of the interval is above what float32 tells from zero; `{}` is the size
            of the difference.
        below: Where all of it is as far below.
        unknown: Where it includes zero; `{}` is the difference with its sign.
    """
    if row is None:
        return
    size = with_ends(row)
    if row.ci_low is not None and row.ci_low > TIE:
        yield above.format(size)
    elif row.ci_high is not None and row.ci_high < -TIE:
        low = row.value if row.ci_low is None else row.ci_low
        turned = replace(row, value=-row.value, ci_low=-row.ci_high, ci_high=-low)
        yield below.format(with_ends(turned))
    else:
        yield unknown.format(size)


def _counted(shown: EventsShown) -> Iterator[str]:
    """How many events there are, and what is special about some."""
    counts = {row.metric: row for row in shown.rows if row.ci_low is None}
    left_out = counts["events_left_out"]
    yield f"{left_out.n_events} sentences of {left_out.n_videos} videos say when they are true."
    if shown.problems:
        told = "; ".join(f"{problem}: {n}" for problem, n in shown.problems.items())
        yield (
            f"The times of {left_out.value:.0f} cannot be used, and those of"
            f" {counts['events_cut'].value:.0f} were cut to their video ({told})."
        )
    if without := counts["events_without_frames"].value:
        yield f"{without:.0f} fall between two sampled frames, and are not measured."
    if whole := counts["videos_of_one_whole_event"].value:
        yield (
            f"{whole:.0f} videos have a single event that covers everything. There is nothing"
            " outside of it, so only the gap is measured on it."
        )


def concluded(rows: Sequence[EventRow]) -> Iterator[str]:
    """What the numbers say of time."""
    if find_row(rows, "gap_debiased") is None:
        yield f"Fewer than {MIN_PAIRS} videos have events with frames: too few to measure."
        return
    if find_row(rows, "inside_minus_outside") is None:
        yield f"Fewer than {MIN_PAIRS} videos have frames both inside and outside of an event."
    yield from _inside(rows)
    yield from _controls(rows)
    yield from _other_videos(rows)
    yield from _gap(rows)


def _inside(rows: Sequence[EventRow]) -> Iterator[str]:
    yield from by_sign(
        find_row(rows, "inside_minus_outside"),
        above="A sentence is closer to the frames inside its event than to the video's other frames"
        " by {} (mean cosine).",
        below="A sentence is farther from the frames inside its event than from the video's other"
        " frames by {} (mean cosine).",
        unknown="Whether a sentence is closer to the frames inside its event than to the video's"
        " other frames is undetermined: the difference of the mean cosines is {}.",
    )
    if ahead := find_row(rows, "ahead_of_outside"):
        yield (
            "Of one frame inside and one outside, that inside is the closer one in"
            f" {with_ends(ahead, percent=True)} of cases; 50% would be chance."
        )


def _controls(rows: Sequence[EventRow]) -> Iterator[str]:
    yield from by_sign(
        find_row(rows, "inside_minus_shuffled"),
        above="As many frames drawn at random from the same video, which destroys time, are farther"
        " from the sentence by {}.",
        below="As many frames drawn at random from the same video are closer to the sentence by"
        " {}: the times do not mark the frames that the sentence is about.",
        unknown="Whether frames drawn at random from the same video do as well is undetermined: the"
        " difference is {}.",
    )
    yield from by_sign(
        find_row(rows, "inside_minus_still"),
        above="The frames of an event are closer to the sentence, on average, than its middle frame"
        " alone by {}.",
        below="The middle frame alone is closer to the sentence than the frames of its event are on"
        " average, by {}.",
        unknown="Whether one still, the middle frame, is as close as the frames of the event are on"
        " average is undetermined: the difference is {}.",
    )


def _other_videos(rows: Sequence[EventRow]) -> Iterator[str]:
    yield from by_sign(
        find_row(rows, "outside_minus_other_videos"),
        above="Even the frames outside of its event are closer to a sentence than those of other"
        " videos, by {}: so much is the video, not the time.",
        below="The frames outside of its event are farther from a sentence than those of other"
        " videos, by {}.",
        unknown="Whether the frames outside of its event are closer to a sentence than those of"
        " other videos is undetermined: the difference is {}.",
    )
    ahead = find_row(rows, "ahead_of_other_videos")
    first, rank = (
        find_row(rows, name) for name in ("first_of_other_videos", "median_rank_of_videos")
    )
    if ahead and first and rank:
        yield (
            f"The frames of an event come before {ahead.value:.0%} of the other videos (50% would"
            f" be chance), before all of them for {first.value:.0%} of the sentences; the median"
            f" rank is {rank.value:g} of {rank.n_videos}."
        )


def _gap(rows: Sequence[EventRow]) -> Iterator[str]:
    gap, shuffled, still = (
        find_row(rows, name) for name in ("gap_debiased", "gap_shuffled", "gap_still")
    )
    if gap and shuffled and still:
        yield (
            f"The gap between sentences and the frames of their events is {with_ends(gap)} without"
            f" bias; it is {with_ends(shuffled)} with frames drawn from the whole video, and"
            f" {with_ends(still)} with one still."
        )
    yield from by_sign(
        find_row(rows, "gap_minus_shuffled"),
        above="Time widens it by {}.",
        below="Time narrows it by {}.",
        unknown="Whether time has a part in it is undetermined: the difference is {}. Centroids"
        " average time out where events cover their videos evenly.",
    )
    lengths = [find_row(rows, "length_s", group=group) for group in (LONGEST, SHORTEST)]
    means = [f"{row.value:.1f} s on average" if row else "" for row in lengths]
    longest, shortest = f"the longest third of events ({means[0]})", f"the shortest ({means[1]})"
    yield from by_sign(
        find_row(rows, "gap_longest_minus_shortest"),
        above=f"The gap of {longest} exceeds that of {shortest} by {{}}. Long events have other"
        " sentences, too, so length need not be the cause.",
        below=f"The gap of {longest} is smaller than that of {shortest} by {{}}. Long events have"
        " other sentences, too, so length need not be the cause.",
        unknown=f"Whether the gap of {longest} differs from that of {shortest} is undetermined:"
        " the difference is {}.",
    )

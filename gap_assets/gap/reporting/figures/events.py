"""Sentences in time: cosines with their controls, the gap by event, and a video from start to end.

All are of the width of one panel, so that they are legible on a phone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.events.data import ALL, EventRow, find_row
from gap_assets.gap.reporting.events import EventStrip
from gap_assets.gap.reporting.figures import style

COSINES = {
    "cosine_inside": ("inside the event", style.VIDEO),
    "cosine_still": ("its middle frame", style.ACCENT),
    "cosine_shuffled": ("drawn at random", style.ACCENT),
    "cosine_outside": ("outside of it", style.PAIRED),
    "cosine_other_videos": ("other videos", style.MISMATCHED),
}
GAPS = {
    "gap_debiased": ("frames as they are", style.PAIRED),
    "gap_of_unit_means": ("means of length 1", style.MISMATCHED),
}


def cosine_figure(rows: Sequence[EventRow]) -> Figure | None:
    """The mean cosine of a sentence with each kind of frames; None where it was not measured."""
    found = {row: look for metric, look in COSINES.items() if (row := find_row(rows, metric))}
    if not found:
        return None
    figure, axes = style.panel()
    for height, (row, (_, colour)) in enumerate(found.items()):
        _mark(axes, row, height, colour=colour)
        axes.annotate(
            f"{row.value:.3f}",
            (row.value if row.ci_high is None else row.ci_high, height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(found)), [label for label, _ in found.values()])
    axes.margins(x=0.18, y=0.12)
    axes.invert_yaxis()
    axes.set(xlabel="mean cosine with the sentence")
    return figure


def gap_figure(rows: Sequence[EventRow]) -> Figure | None:
    """The gap of all events and of each group; None where it was not measured."""
    names = [row.event_group for row in rows if row.metric == "gap_debiased"]
    if not names:
        return None
    figure, axes = style.panel((style.PANEL[0], 1.4 + 0.36 * len(names)))
    for index, (metric, (label, colour)) in enumerate(GAPS.items()):
        for height, name in enumerate(names):
            row = find_row(rows, metric, group=name)
            if row and np.isfinite(row.value):
                _mark(axes, row, height + 0.24 * (index - 0.5), colour=colour, label=label)
    axes.set_yticks(range(len(names)), [_named(rows, name) for name in names])
    axes.invert_yaxis()
    axes.set(xlabel="gap of sentences and frames, debiased")
    style.legend_above(figure, axes, ncols=2)
    return figure


def _named(rows: Sequence[EventRow], group: str) -> str:
    """A group with what it has on average, if its name does not say that."""
    length = find_row(rows, "length_s", group=group)
    is_number = group.endswith(("frame", "frames"))
    name = "all events" if group == ALL else group
    return name if is_number or length is None else f"{name}\n({length.value:.1f} s)"


def _mark(
    axes: Axes, row: EventRow, height: float, *, colour: str, label: str | None = None
) -> None:
    axes.plot(row.value, height, "o", ms=5, color=colour, label=label)
    if row.ci_low is not None and row.ci_high is not None:
        axes.plot([row.ci_low, row.ci_high], [height] * 2, color=colour, lw=1.6)


def strip_figure(strip: EventStrip) -> Figure:
    """Cosine of each sentence over the times of the frames; bars mark when it is said to be true.

    Inside its own event a line is thick.
    """
    figure, axes = style.panel()
    low, high = float(strip.cosines.min()), float(strip.cosines.max())
    step = 0.09 * max(high - low, 1e-3)
    shades = colormaps["viridis"](np.linspace(0.1, 0.85, len(strip.sentences)))
    for number, (said, cosines) in enumerate(zip(strip.sentences, strip.cosines, strict=True)):
        look: Mapping[str, object] = {"color": shades[number], "solid_capstyle": "butt"}
        axes.plot(strip.times, cosines, ".-", lw=0.9, ms=4, **look)  # type: ignore[arg-type]
        if said.start is None or said.end is None:
            continue
        inside = (strip.times >= said.start) & (strip.times < said.end)
        axes.plot(strip.times[inside], cosines[inside], "o-", lw=2.8, ms=5, **look)  # type: ignore[arg-type]
        height = low - (number + 1.2) * step
        axes.plot([said.start, said.end], [height] * 2, lw=5, **look)  # type: ignore[arg-type]
        axes.annotate(
            str(number + 1),
            (said.end, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=shades[number],
            fontweight="bold",
        )
    axes.set_xlim(0, None)
    axes.set(xlabel="seconds", ylabel="cosine of sentence and frame")
    axes.set_title(strip.shows, fontsize=10, color=style.MUTED)
    return figure

"""The gap by frames and captions that are pooled, and by what a text says."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.pooled import PooledRow
from gap_assets.gap.reporting.figures import style

LEAST_RANGE = 0.1  # of the colours of a heat map
Looks = dict[str, tuple[str, str]]  # metric to label and colour
OF_DETAIL: Looks = {
    "centroid_gap_debiased": ("gap", style.PAIRED),
    "rmg": ("RMG", style.MUTED),
    "cone_text": ("cone of texts", style.TEXT),
    "paired_cosine": ("paired cosine", style.ACCENT),
}


def grid_figures(rows: Sequence[PooledRow]) -> dict[str, Figure]:
    """Heat maps of gap and paired cosine, and the cones along their own axis."""
    return {
        "Gap by frames and captions, means as they are": _heat(
            rows, "centroid_gap_debiased", unit=False, title="gap, means as they are"
        ),
        "Gap by frames and captions, unit vectors": _heat(
            rows, "centroid_gap_debiased", unit=True, title="gap, unit vectors"
        ),
        "Paired cosine by frames and captions": _heat(
            rows, "paired_cosine", unit=True, title="paired cosine"
        ),
        "Cones by how much is pooled": _cones(rows),
    }


def _heat(rows: Sequence[PooledRow], metric: str, *, unit: bool, title: str) -> Figure:
    found = {
        (row.frames, row.texts): row.value
        for row in rows
        if row.metric == metric and row.unit == unit
    }
    frames, texts = (sorted({key[i] for key in found}) for i in (0, 1))
    values = np.array([[found[f, t] for t in texts] for f in frames])
    figure, axes = style.panel()
    axes.grid(visible=False)
    # One scale for a metric, and none that makes much of little.
    all_values = [row.value for row in rows if row.metric == metric]
    middle = (min(all_values) + max(all_values)) / 2
    half = max(max(all_values) - middle, LEAST_RANGE / 2)
    axes.imshow(values, cmap="cividis", aspect="auto", vmin=middle - half, vmax=middle + half)
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if value < middle else "black"
        axes.text(j, i, f"{value:.3f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(len(texts)), map(str, texts))
    axes.set_yticks(range(len(frames)), map(str, frames))
    axes.set(xlabel="captions", ylabel="frames")
    axes.set_title(title, fontsize=10, color=style.MUTED)
    axes.spines[:].set_visible(False)
    return figure


def _cones(rows: Sequence[PooledRow]) -> Figure:
    figure, axes = style.panel()
    for metric, label, colour in (
        ("cone_video", "videos", style.VIDEO),
        ("cone_text", "texts", style.TEXT),
    ):
        for unit, line in ((True, "-"), (False, "--")):
            known = {
                (row.frames if metric == "cone_video" else row.texts): row
                for row in rows
                if row.metric == metric and row.unit == unit
            }
            x = sorted(known)
            more = "" if unit else ", as they are"
            axes.plot(
                x, [known[k].value for k in x], f"{line}o", ms=4, color=colour, label=label + more
            )
    style.logarithmic(axes)
    axes.minorticks_off()
    axes.set_xticks(x)
    axes.set(xlabel="frames or captions in the mean", ylabel="cone")
    style.legend_above(figure, axes, ncols=2)
    return figure


def detail_figure(rows: Sequence[PooledRow]) -> Figure:
    """Gap and its kin over the number of different captions that a text says."""
    figure, axes = style.panel()
    for metric, (label, colour) in OF_DETAIL.items():
        known = sorted((row for row in rows if row.metric == metric), key=lambda row: row.texts)
        x = [row.texts for row in known]
        bounded = [row for row in known if row.ci_low is not None]
        low, high = ([getattr(row, end) for row in bounded] for end in ("ci_low", "ci_high"))
        axes.fill_between([row.texts for row in bounded], low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(x, [row.value for row in known], "-o", ms=4, color=colour, label=label)
    axes.set_xticks(x)
    axes.set(xlabel="different captions in a text of one length")
    style.legend_above(figure, axes, ncols=2)
    return figure

"""The grid of trainings that differ in one choice: a metric along training, for each condition."""

import numpy as np
from matplotlib import colormaps  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.causes import Grid
from gap_assets.gap.reporting.figures import style

NAMES = {
    "gap": "gap",
    "cone_image": "cone of images",
    "cone_text": "cone of texts",
    "rmg": "RMG",
    "knn_excess": "kNN excess",
    "recall_at_1": "R@1, image → text",
    "exact_captions": "exact captions",
}


def dial_figure(grid: Grid, dial: str, *, metric: str = "gap", here: float | None = None) -> Figure:
    """One metric along the trainings of a dial: mean over seeds, band from least to most.

    Args:
        grid: The trainings.
        dial: One of its dials.
        metric: One of `NAMES`.
        here: The value of the corpus at hand, drawn as a line.
    """
    figure, axes = style.panel()
    draw_dial(axes, grid, dial, metric=metric)
    if here is not None:
        axes.axhline(here, color=style.VIDEO, lw=1.4, ls="--", label="this corpus", zorder=1)
    axes.set(xlabel="training step", ylabel=NAMES[metric])
    axes.set_title(dial, fontsize=10, color=style.MUTED)
    style.legend_above(figure, axes, ncols=3)
    return figure


def draw_dial(axes: Axes, grid: Grid, dial: str, *, metric: str) -> None:
    """The curves of a dial's conditions, from light to dark in the order of the dial."""
    conditions = grid.trained(dial)
    shades = colormaps["viridis"](np.linspace(0.85, 0.1, max(len(conditions), 2)))
    for (condition, label), colour in zip(conditions.items(), shades, strict=False):
        curves = grid.curves(condition, metric)
        if not curves:
            continue
        steps = sorted(set.intersection(*(set(curve) for curve in curves.values())))
        values = np.array([[curve[step] for step in steps] for curve in curves.values()])
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.25, lw=0)
        axes.plot(steps, values.mean(0), ".-", color=colour, label=label)


def overview(grid: Grid) -> Figure:
    """Gap and retrieval of every dial, for the picture of the Dagster asset."""
    dials = [dial for dial in grid.dials if grid.trained(dial)]
    figure = Figure(figsize=(3.4 * max(len(dials), 1), 5.6), layout="constrained")
    panels = figure.subplots(2, max(len(dials), 1), squeeze=False, sharey="row")
    for dial, (above, below) in zip(dials, panels.T, strict=True):
        for axes, metric in ((above, "gap"), (below, "recall_at_1")):
            draw_dial(style.plain(axes), grid, dial, metric=metric)
        above.set_title(dial, fontsize=10)
        above.legend(frameon=False, fontsize=8)
        below.set_xlabel("training step")
    panels[0, 0].set_ylabel(NAMES["gap"])
    panels[1, 0].set_ylabel(NAMES["recall_at_1"])
    return figure

"""Comparisons between sources: the matrix of gaps, the text ladder, fusions, untrained networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gap_assets.gap.figures.style import (
    MUTED,
    PAIRED,
    PANEL,
    TEXT,
    VIDEO,
    WIDE,
    legend_above,
    panel,
    plain,
)
from gap_assets.gap.inputs import FloatArray
from gap_assets.gap.sources import MetricRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def source_matrix(names: Sequence[str], gaps: FloatArray, *, videos: int) -> Figure:
    """Heat map of gaps (S, S) between sources, NaN where unknown; the first `videos` are videos."""
    side = 1.4 + 0.42 * len(names)
    figure, axes = panel((side + 2.4, side))
    axes.grid(visible=False)
    drawn = np.where(np.eye(len(names), dtype=bool), np.nan, gaps)
    image = axes.imshow(drawn, cmap="cividis", vmin=0, vmax=max(float(np.nanmax(drawn)), 1e-6))
    for (i, j), gap in np.ndenumerate(drawn):
        if np.isfinite(gap):
            dark = gap < 0.6 * image.get_clim()[1]
            colour = "white" if dark else "black"
            axes.text(j, i, f"{gap:.2f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for index, label in enumerate(labels):
            label.set_color(VIDEO if index < videos else TEXT)
    axes.axhline(videos - 0.5, color="white", lw=3)
    axes.axvline(videos - 0.5, color="white", lw=3)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="gap between the two sources")
    return figure


def intervals(
    groups: Mapping[str, Mapping[str, MetricRow]], *, colours: Mapping[str, str]
) -> Figure:
    """Values with intervals: one row per group (a fusion, a text source), one mark per series."""
    figure, axes = panel((PANEL[0], 1.3 + 0.45 * len(groups)))
    for row, series in enumerate(groups.values()):
        for index, (name, metric) in enumerate(series.items()):
            height = row + 0.16 * (index - (len(series) - 1) / 2)
            if metric.ci_low is not None and metric.ci_high is not None:
                ends = [metric.ci_low, metric.ci_high]
                axes.plot(ends, [height, height], color=colours[name], lw=1.6)
            mark = "oD^s"[list(colours).index(name)]
            axes.plot(metric.value, height, mark, color=colours[name], ms=5.5, label=name)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    legend_above(figure, axes, ncols=2)
    return figure


def untrained_networks(
    trained: Mapping[str, float], untrained: Mapping[str, Sequence[float]]
) -> Figure:
    """Each quantity of the trained network (a line) beside the untrained seeds (points)."""
    figure, axes = panel((WIDE[0], 0.9 + 0.42 * len(untrained)))
    for row, (name, values) in enumerate(untrained.items()):
        heights = row + np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else [row]
        label = "untrained, one point per seed" if row == 0 else None
        axes.plot(values, heights, "o", color=MUTED, ms=5, alpha=0.85, label=label)
        if name in trained:
            label = "trained" if row == 0 else None
            ends = (row - 0.32, row + 0.32)
            axes.plot([trained[name]] * 2, ends, color=PAIRED, lw=3, label=label)
    axes.set_yticks(range(len(untrained)), untrained)
    axes.set_ylim(len(untrained) - 0.5, -0.5)
    axes.axvline(0, color="#b8bcc2", lw=0.8)
    legend_above(figure, axes)
    return figure


def norm_histogram(norms: FloatArray) -> Figure:
    """Lengths (N,) of the raw means of unit frames: short means of varied videos."""
    figure, axes = panel()
    axes.hist(norms, bins=min(40, max(8, len(norms) // 8)), color=VIDEO, alpha=0.75)
    axes.set(xlabel="length of the mean of a video's unit frames", ylabel="videos")
    plain(axes)
    return figure

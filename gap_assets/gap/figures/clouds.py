"""The embeddings themselves: pair plots, the gap axis, cosine histograms, UMAP's stability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gap_assets.gap.figures.style import (
    MISMATCHED,
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
from gap_assets.gap.pairwise import BIN_WIDTH, BINS, Comparisons

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAIR_LINES = 500


def draw_pairs(axes: Axes, points: FloatArray, *, size: float = 14) -> None:
    """Videos, texts, and lines between at most 500 evenly spaced pairs of (2N, 2) points."""
    from matplotlib.collections import LineCollection

    video, text = np.split(points, 2)
    n = len(video)
    chosen = np.linspace(0, n - 1, min(n, PAIR_LINES)).astype(np.intp)
    segments = np.stack([video[chosen], text[chosen]], axis=1)
    visibility = float(np.clip(size / len(chosen), 0.04, 0.3))
    axes.add_collection(
        LineCollection(
            list(segments), colors="black", linewidths=0.6, alpha=visibility, rasterized=True
        )
    )
    area, alpha = size * float(np.clip((300 / n) ** 0.5, 0.25, 2)), 0.75 if n < 200 else 0.35
    for block, colour, marker, label in ((video, VIDEO, "o", "video"), (text, TEXT, "s", "text")):
        x, y = block.T
        axes.scatter(
            x, y, s=area, c=colour, marker=marker, alpha=alpha, linewidths=0, rasterized=True
        )
        axes.plot([], [], marker, color=colour, label=label)  # the legend's opaque mark


def pair_plot(
    points: FloatArray, *, title: str, axis_names: tuple[str, str] | None = None
) -> Figure:
    """The paper's picture for one projection: points (2N, 2), video block before text block.

    Axes without names have no ticks either: their numbers mean nothing.
    """
    figure, axes = panel((PANEL[0], 4.2))
    draw_pairs(axes, points)
    if axis_names:
        axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    else:
        axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=11)
    legend_above(figure, axes)
    return figure


def gap_axis_plot(points: FloatArray, *, gap: float) -> Figure:
    """Coordinates along the gap (x) with marginal histograms and both centroids."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE[0], 4.2), layout="constrained")
    top, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    plain(axes)
    draw_pairs(axes, points)
    video, text = np.split(points, 2)
    bins = np.linspace(points[:, 0].min(), points[:, 0].max(), 61)
    for block, colour in ((video, VIDEO), (text, TEXT)):
        top.hist(block[:, 0], bins=bins, density=True, color=colour, alpha=0.75)
        axes.axvline(block[:, 0].mean(), color=colour, lw=1.2, ls="--")
    plain(top, grid=False).set(yticks=[], ylabel="density")
    low, high = sorted((float(video[:, 0].mean()), float(text[:, 0].mean())))
    level = axes.get_ylim()[1]
    axes.annotate("", (low, level), (high, level), arrowprops={"arrowstyle": "<->", "lw": 1.2})
    axes.text((low + high) / 2, level, f"gap {gap:.3f}", ha="center", va="bottom", fontsize=10)
    axes.set(
        xlabel="position along the gap (distances here are true)", ylabel="first direction across"
    )
    legend_above(figure, axes)
    return figure


def cosine_histograms(comparisons: Comparisons, *, means: dict[str, float]) -> Figure:
    """Cosines within videos, within texts, of mismatched and of matched pairs, on one axis."""
    figure, axes = panel(WIDE)
    counts = {
        "cone_video": comparisons.video.histogram,
        "cone_text": comparisons.text.histogram,
        "mismatched_cosine": comparisons.video_to_text.histogram,
        "paired_cosine": np.histogram(comparisons.paired, bins=BINS, range=(-1, 1))[0],
    }
    names = {
        "cone_video": ("within video", VIDEO),
        "cone_text": ("within text", TEXT),
        "mismatched_cosine": ("video and another video's text", MISMATCHED),
        "paired_cosine": ("video and its own text", PAIRED),
    }
    width = _bin_width(len(comparisons.paired))
    for name, histogram in counts.items():
        coarse = histogram.reshape(-1, width).sum(axis=1)
        density = coarse / coarse.sum() / (width * BIN_WIDTH)
        edges = np.linspace(-1, 1, len(coarse) + 1)
        label, colour = names[name]
        filled = name != "paired_cosine"
        axes.stairs(
            density,
            edges,
            fill=filled,
            color=colour,
            alpha=0.45 if filled else 1,
            lw=1.4,
            label=f"{label}: {means[name]:.3f}",
        )
        axes.axvline(means[name], color=colour, lw=1, ls="--")
    occupied = np.flatnonzero(sum(counts.values()))
    axes.set_xlim(-1 + occupied[0] * BIN_WIDTH - 0.03, -1 + occupied[-1] * BIN_WIDTH + 0.03)
    axes.set(xlabel="cosine", ylabel="density")
    legend_above(figure, axes, ncols=2, title="mean cosine (dashed)", title_fontsize=9)
    return figure


def _bin_width(n: int) -> int:
    """How many bins of 0.001 to join so that N(N - 1) cosines make a calm outline."""
    return 40 if n < 60 else 20 if n < 2000 else 10


def umap_stability(layouts: Sequence[tuple[int, int, FloatArray]]) -> Figure:
    """Small multiples of (seed, neighbours, points): the same data, other settings."""
    from matplotlib.figure import Figure

    columns = min(3, len(layouts))
    rows = -(-len(layouts) // columns)
    figure = Figure(figsize=(WIDE[0], 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (seed, neighbours, points) in zip(grid.flat, layouts, strict=True):
        draw_pairs(axes, points, size=7)
        video, text = np.split(points, 2)
        apart = np.linalg.norm(video.mean(axis=0) - text.mean(axis=0))
        title = f"seed {seed}, {neighbours} neighbours: {apart:.1f} apart"
        axes.set_title(title, fontsize=9, color=MUTED)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#d5d8dc")
    return figure

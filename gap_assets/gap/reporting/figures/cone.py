"""The cone from block to block of the towers, and by width of random perceptrons."""

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
from matplotlib import colormaps  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.cones import CLASS, IMAGE, OUTPUT, ConeProfile, ConeRow, Part
from gap_assets.gap.metric_rows import FRAMES, NOISE
from gap_assets.gap.metrics.cone import half_angle, log10_cap_share
from gap_assets.gap.metrics.random_networks import HE, PAPER, RandomCones
from gap_assets.gap.reporting.figures import style

SHOWN_DEPTHS = (1, 3, 6, 12)
SHOWN_CONES = (0.25, 0.5, 0.75)
DIMENSIONS = np.unique(np.geomspace(3, 1024, 60).astype(int))


def depth_figure(profile: ConeProfile, part: Part, *, title: str) -> Figure:
    """The cone by blocks: trained with its interval, untrained from least to most; noise dashed.

    The class tokens' panels end in the tower's output.
    """
    figure, axes = style.panel()
    colour = style.VIDEO if part.tower == IMAGE else style.TEXT
    drawn = [(part, "-", "")]
    if part.source == FRAMES:
        drawn.append((part._replace(source=NOISE), "--", ", noise"))
    for each, line, more in drawn:
        _draw_untrained(axes, profile.curves(each), line=line, more=more)
        _draw_trained(axes, profile.curve(each), line=line, more=more, colour=colour)
        if part.token == CLASS:
            _draw_outputs(axes, profile, each, colour=colour)
    blocks = profile.curve(part)[-1].layer
    ticks = list(range(0, blocks + 1, math.ceil(blocks / 6)))
    ends = [blocks + 1] if part.token == CLASS else []
    axes.set_xticks(ticks + ends, [*map(str, ticks), *("out" for _ in ends)])
    lowest = min(axes.dataLim.y0, 0)  # One scale for all panels, unless a cone is below 0.
    axes.set(xlabel="residual blocks passed", ylabel="mean cosine (cone)")
    axes.set_ylim(lowest - 0.04, 1.04)
    axes.set_title(title, fontsize=10, color=style.MUTED)
    style.legend_above(figure, axes, ncols=2)
    return figure


def _draw_untrained(
    axes: Axes, curves: Sequence[Sequence[ConeRow]], *, line: str, more: str
) -> None:
    if not curves:
        return
    layers = [row.layer for row in curves[0]]
    cones = np.array([[row.cone for row in curve] for curve in curves])
    axes.fill_between(layers, cones.min(0), cones.max(0), color=style.MUTED, alpha=0.2, lw=0)
    axes.plot(layers, cones.mean(0), line, color=style.MUTED, label=f"untrained{more}")


def _draw_trained(
    axes: Axes, curve: Sequence[ConeRow], *, line: str, more: str, colour: str
) -> None:
    known = [row for row in curve if row.ci_low is not None]
    low, high = ([getattr(row, end) for row in known] for end in ("ci_low", "ci_high"))
    axes.fill_between([row.layer for row in known], low, high, color=colour, alpha=0.2, lw=0)
    x, y = [row.layer for row in curve], [row.cone for row in curve]
    axes.plot(x, y, f"{line}o", ms=3.5, color=colour, label=f"trained{more}")


def _draw_outputs(axes: Axes, profile: ConeProfile, part: Part, *, colour: str) -> None:
    """The embeddings' cones, to the right of all blocks; those of noise hollow."""
    output = part._replace(token=OUTPUT)
    trained, untrained = profile.curve(output), profile.curves(output)
    for rows, shade, size in ((chain(*untrained), style.MUTED, 4.5), (trained, colour, 5.5)):
        fill = "white" if part.source == NOISE else shade
        for row in rows:
            axes.plot(row.layer + 1, row.cone, "D", ms=size, color=shade, mfc=fill, alpha=0.8)


def width_figure(cones: RandomCones, activation: str) -> Figure:
    """The cone of random perceptrons by width: the paper's start, and He's at full depth."""
    figure, axes = style.panel()
    of_paper, of_he = (cones.by_kind[activation, start] for start in (PAPER, HE))
    depths = [depth for depth in SHOWN_DEPTHS if depth < of_paper.shape[2]]
    shades = colormaps["viridis"](np.linspace(0.85, 0.1, len(depths)))
    for depth, colour in zip(depths, shades, strict=True):
        values = of_paper[:, :, depth]
        label = f"{depth} layer{'s' if depth > 1 else ''}"
        band = {"color": colour, "alpha": 0.25, "lw": 0}
        axes.fill_between(cones.widths, values.min(0), values.max(0), **band)
        axes.plot(cones.widths, values.mean(0), ".-", color=colour, label=label)
    axes.plot(
        cones.widths,
        of_he[:, :, depths[-1]].mean(0),
        "--",
        color=style.MUTED,
        label=f"{depths[-1]}, no biases",
    )
    axes.set_xscale("log", base=2)
    axes.set_xticks(cones.widths[::2], map(str, cones.widths[::2]))
    axes.minorticks_off()
    axes.set(xlabel="width = dimensions", ylabel="mean cosine (cone)", ylim=(-0.05, 1.05))
    axes.set_title(f"random {activation} networks", fontsize=10, color=style.MUTED)
    style.legend_above(figure, axes, ncols=3)
    return figure


def cap_figure(outputs: Sequence[tuple[str, str, float]], dimension: int) -> Figure:
    """The share of the sphere within a cone's half-angle, by dimension, in powers of ten.

    Args:
        outputs: Name, colour and cone of sets of embeddings, drawn as points.
        dimension: Theirs.
    """
    figure, axes = style.panel()
    shades = colormaps["viridis"](np.linspace(0.85, 0.1, len(SHOWN_CONES)))
    for cone, colour in zip(SHOWN_CONES, shades, strict=True):
        shares = [log10_cap_share(half_angle(cone), int(d)) for d in DIMENSIONS]
        axes.plot(DIMENSIONS, shares, color=colour, label=f"mean cosine {cone:g}")
    for name, colour, cone in outputs:
        share = log10_cap_share(half_angle(cone), dimension)
        axes.plot(dimension, share, "D", ms=6, color=colour, label=f"{name} here")
    style.logarithmic(axes)
    axes.set(xlabel="dimensions", ylabel="share of the sphere, log₁₀")
    axes.set_title("the cap that an item's angle spans", fontsize=10, color=style.MUTED)
    style.legend_above(figure, axes, ncols=2)
    return figure

"""The embeddings themselves: pair plots, the gap axis, cosine histograms, UMAP's stability."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.collections import LineCollection  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253
from PIL import Image

from gap_assets.gap.metrics.pairwise import BIN_WIDTH, BINS
from gap_assets.gap.pairs import FloatArray, evenly_spaced
from gap_assets.gap.projections import ProjectionModel, fit_umap
from gap_assets.gap.reporting.figures import style
from gap_assets.gap.reporting.numbers import number

PAIR_LINES = 500
STABILITY_PAIRS = 1000
PREVIEW_COLOURS = 64
METHODS: dict[str, dict[str, Any]] = {
    "umap": {"xticks": [], "yticks": []},
    "svd": {"xlabel": "first direction", "ylabel": "second direction"},
}
NO_EDGES = 0.001  # share of the graph's edge weight between the modalities


def _draw_pairs(axes: Axes, points: FloatArray, *, size: float = 14) -> None:
    """Videos, texts, and lines between at most 500 evenly spaced pairs of (2N, 2) points."""
    video, text = np.split(points, 2)
    n = len(video)
    chosen = evenly_spaced(n, PAIR_LINES)
    segments = np.stack([video[chosen], text[chosen]], axis=1)
    visibility = float(np.clip(size / len(chosen), 0.04, 0.3))
    axes.add_collection(
        LineCollection(
            list(segments), colors="black", linewidths=0.6, alpha=visibility, rasterized=True
        )
    )
    area, alpha = size * float(np.clip((300 / n) ** 0.5, 0.25, 2)), 0.75 if n < 200 else 0.35
    for block, colour, marker, label in (
        (video, style.VIDEO, "o", "video"),
        (text, style.TEXT, "s", "text"),
    ):
        x, y = block.T
        axes.scatter(
            x, y, s=area, c=colour, marker=marker, alpha=alpha, linewidths=0, rasterized=True
        )
        axes.plot([], [], marker, color=colour, label=label)  # the legend's opaque mark


def _draw_centroids(axes: Axes, points: FloatArray) -> list[float]:
    """A line at the mean x of videos and of texts, given (2N, 2) points; where they are."""
    centroids = [float(block.mean()) for block in np.split(points[:, 0], 2)]
    for x, colour in zip(centroids, (style.VIDEO, style.TEXT), strict=True):
        axes.axvline(x, color=colour, lw=1.2, ls="--")
    return centroids


def projected_clouds(given: style.Material) -> style.Exhibit:
    """The paper's pictures, untrained beside trained; UMAP's numbers mean nothing: no ticks."""
    rows = {"trained": given.points}
    if given.untrained:
        rows = {"untrained": _untrained_points(given), **rows}
    panels = {}
    for method in (name for name in METHODS if name in given.points):
        for network, points in rows.items():
            alt = f"{method.upper()} of videos and texts, {network} network"
            panels[alt] = cloud(points[method], method=method, network=network)
    return style.exhibit("projections", panels, umap=_on_umap(given.projections))


def cloud(points: FloatArray, *, method: str, network: str = "trained") -> Figure:
    """The pairs (2N, 2), videos first, in one of `METHODS`."""
    figure, axes = style.panel((style.PANEL[0], 3.9))
    _draw_pairs(axes, points)
    axes.set(**METHODS[method])
    axes.set_title(f"{method.upper()}, {network}", fontsize=11)
    style.legend_above(figure, axes)
    return figure


def _untrained_points(given: style.Material) -> dict[str, FloatArray]:
    assert given.untrained is not None
    rows = np.concatenate([given.untrained.video, given.untrained.text])
    directions = np.linalg.svd(rows, full_matrices=False)[2][:2]
    points = {"svd": rows @ directions.T}
    if "umap" in given.points:
        most = min(given.projections.neighbors, len(rows) - 1)
        umap = fit_umap(rows, seed=given.numbers.plan.seed, neighbors=most)
        points["umap"] = umap.embedding_.astype(np.float64)
    return points


def _on_umap(projections: ProjectionModel) -> str:
    """What UMAP's picture may be read for, by the graph that it draws."""
    if "umap" not in projections.coordinates:
        return "UMAP's pictures are left out, for umap-learn is not installed here."
    count, share = projections.graph_components, projections.cross_modal_edge_share
    if share < NO_EDGES:
        return (
            "In UMAP's graph of neighbours next to no edge joins a video and a text: how far its"
            " two clouds are apart is set by the algorithm, not by the data."
        )
    parts = "one connected part" if count == 1 else f"{count} connected parts"
    return (
        f"UMAP's graph of neighbours has {parts} and {share:.1%} of its edge weight between the"
        " modalities; distances in its picture are not to scale."
    )


def gap_axis(given: style.Material) -> style.Exhibit:
    """Coordinates along the gap (x) with marginal histograms and both centroids."""
    gap = given.numbers.value("centroid_gap")
    points = given.points["gap_axis"]
    figure = style.Drawing(figsize=(style.WIDE[0], 4.2), layout="constrained")
    top, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    style.plain(axes)
    _draw_pairs(axes, points)
    bins = np.linspace(points[:, 0].min(), points[:, 0].max(), 61)
    low, high = sorted(_draw_centroids(axes, points))
    for block, colour in zip(np.split(points[:, 0], 2), (style.VIDEO, style.TEXT), strict=True):
        top.hist(block, bins=bins, density=True, color=colour, alpha=0.75)
    style.plain(top, grid=False).set(yticks=[], ylabel="density")
    level = axes.get_ylim()[1]
    axes.annotate("", (low, level), (high, level), arrowprops={"arrowstyle": "<->", "lw": 1.2})
    axes.text((low + high) / 2, level, f"gap {gap:.3f}", ha="center", va="bottom", fontsize=10)
    axes.set(
        xlabel="position along the gap (distances here are true)", ylabel="first direction across"
    )
    style.legend_above(figure, axes)
    d_prime = number(given.numbers.value("d_prime_gap"), 1)
    return style.exhibit(
        "gap_axis", {"Projection on the gap": figure}, gap=number(gap), d_prime=d_prime
    )


def histograms(given: style.Material) -> style.Exhibit:
    """Cosines within videos, within texts, of mismatched and of matched pairs, on one axis."""
    passes, numbers = given.comparisons, given.numbers
    paired = np.histogram(passes.paired, bins=BINS, range=(-1, 1))[0]
    curves = {
        "cone_video": ("within video", style.VIDEO, passes.video.histogram),
        "cone_text": ("within text", style.TEXT, passes.text.histogram),
        "mismatched_cosine": (
            "video and another video's text",
            style.MISMATCHED,
            passes.video_to_text.histogram,
        ),
        "paired_cosine": ("video and its own text", style.PAIRED, paired),
    }
    n = len(passes.paired)
    joined = 40 if n < 60 else 20 if n < 2000 else 10  # bins of 0.001, for a calm outline
    figure, axes = style.panel(style.WIDE)
    for name, (label, colour, histogram) in curves.items():
        coarse = histogram.reshape(-1, joined).sum(axis=1)
        filled = name != "paired_cosine"
        axes.stairs(
            coarse / coarse.sum() / (joined * BIN_WIDTH),
            np.linspace(-1, 1, len(coarse) + 1),
            fill=filled,
            color=colour,
            alpha=0.45 if filled else 1,
            lw=1.4,
            label=label,
        )
    _mark_means(axes, {colour: numbers.value(name) for name, (_, colour, _) in curves.items()})
    occupied = np.flatnonzero(sum(histogram for _, _, histogram in curves.values()))
    axes.set_xlim(-1 + occupied[0] * BIN_WIDTH - 0.03, -1 + occupied[-1] * BIN_WIDTH + 0.03)
    axes.set(xlabel="cosine", ylabel="density")
    style.legend_above(figure, axes, ncols=2)
    gap = numbers.value("centroid_gap_debiased")
    return style.exhibit(
        "histograms",
        {"Histograms of cosines": figure},
        **{name: number(numbers.value(name)) for name in curves},
        squared=number(gap**2),
        gap=number(gap),
    )


def _mark_means(axes: Axes, means: Mapping[str, float]) -> None:
    """A line and a number for each mean, by its colour, on steps so that none covers another."""
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * (1 + 0.09 * len(means)))
    for step, (colour, mean) in enumerate(sorted(means.items(), key=lambda item: item[1])):
        height = top * (1.02 + 0.09 * step)
        axes.plot([mean, mean], [0, height], color=colour, lw=1.2, ls="--")
        axes.text(mean, height, f" {mean:.3f}", color=colour, fontsize=9, va="center")


def stability(given: style.Material) -> style.Exhibit | None:
    """Small multiples of UMAP: the same data, other seeds and neighbourhood sizes."""
    if "umap" not in given.points:
        return None
    pairs = given.pairs.take(evenly_spaced(len(given.pairs), STABILITY_PAIRS))
    rows = np.concatenate([pairs.video, pairs.text])
    most, usual = len(rows) - 1, given.projections.neighbors
    sizes = sorted({min(usual, most), min(usual * 3, most)})
    figure = style.Drawing(figsize=(style.WIDE[0], 2.1 * len(sizes)), layout="constrained")
    grid = figure.subplots(len(sizes), 3, squeeze=False)
    for (row, seed), axes in np.ndenumerate(grid):
        points = fit_umap(rows, seed=seed, neighbors=sizes[row]).embedding_.astype(np.float64)
        _draw_pairs(axes, points, size=7)
        video, text = np.split(points, 2)
        apart = np.linalg.norm(video.mean(axis=0) - text.mean(axis=0))
        axes.set_title(f"seed {seed}: {apart:.1f} apart", fontsize=9, color=style.MUTED)
        axes.set(xticks=[], yticks=[], ylabel="" if seed else f"{sizes[row]} neighbours")
        axes.spines[:].set_color("#d5d8dc")
    return style.exhibit("stability", {"UMAP with other settings": figure}, n=len(pairs))


def preview_picture(given: style.Material) -> bytes:
    """The small picture that stands for a report in a list: a PNG of 900 x 400 pixels.

    It has a palette, for a third of the size: event logs keep a copy of it.
    """
    gap = given.numbers.value("centroid_gap")
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    method = "umap" if "umap" in given.points else "svd"
    _draw_pairs(style.plain(left), given.points[method])
    left.set(title=method.upper(), xticks=[], yticks=[])
    _draw_pairs(style.plain(right), given.points["gap_axis"])
    right.set(title=f"along the gap: {gap:.3f}")
    _draw_centroids(right, given.points["gap_axis"])
    left.legend(frameon=False)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    Image.open(drawn).convert("RGB").quantize(PREVIEW_COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()

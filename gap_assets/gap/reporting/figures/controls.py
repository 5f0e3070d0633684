"""Comparisons between sources: the matrix of gaps, the text ladder, fusions, untrained networks."""

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.metric_rows import FRAMES, MEAN, NOISE, MetricRow
from gap_assets.gap.reporting.figures import style
from gap_assets.gap.reporting.numbers import mean_and_spread, number, with_interval

Series = dict[str, tuple[str, str]]  # label to metric and colour
LADDER: Series = {
    "gap": ("centroid_gap_debiased", style.PAIRED),
    "cone of texts": ("cone_text", style.TEXT),
    "paired cosine": ("paired_cosine", style.ACCENT),
    "R@1, text → video": ("recall_at_1_text_to_video", style.MISMATCHED),
}
POOLING: Series = {
    "gap": ("centroid_gap_debiased", style.PAIRED),
    "cone of videos": ("cone_video", style.VIDEO),
    "paired cosine": ("paired_cosine", style.ACCENT),
}
PARTS: Series = {  # of the squared gap
    "frames and captions": ("pooling_encoder", style.PAIRED),
    "+ unit videos": ("pooling_video", style.VIDEO),
    "+ unit captions": ("pooling_captions", style.TEXT),
    "+ one text": ("pooling_text", style.ACCENT),
}
TRAINING = {
    "gap": "centroid_gap_debiased",
    "cone of videos": "cone_video",
    "cone of texts": "cone_text",
    "paired cosine": "paired_cosine",
}


def matrix(given: style.Material) -> style.Exhibit | None:
    """Heat map of the gaps between all sources, videos first."""
    numbers = given.numbers
    videos, texts = list(given.sources.videos), list(given.sources.texts)
    if any(numbers.find("centroid_gap", video=FRAMES, text=text) for text in texts):
        videos.append(FRAMES)
    names = videos + texts
    if len(names) < 3:
        return None
    gaps = np.full((len(names), len(names)), np.nan)
    for (i, first), (j, second) in product(enumerate(names), repeat=2):
        row = numbers.find("centroid_gap_debiased", video=first, text=second)
        if row and i != j:
            gaps[i, j] = gaps[j, i] = row.value
    side = 1.4 + 0.42 * len(names)
    figure, axes = style.panel((side + 2.4, side))
    axes.grid(visible=False)
    image = axes.imshow(gaps, cmap="cividis", vmin=0, vmax=max(float(np.nanmax(gaps)), 1e-6))
    for (i, j), gap in np.ndenumerate(gaps):
        if np.isfinite(gap):
            colour = "white" if gap < 0.6 * image.get_clim()[1] else "black"
            axes.text(j, i, f"{gap:.2f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for index, label in enumerate(labels):
            label.set_color(style.VIDEO if index < len(videos) else style.TEXT)
    axes.axhline(len(videos) - 0.5, color="white", lw=3)
    axes.axvline(len(videos) - 0.5, color="white", lw=3)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="gap between the two sources")
    return style.exhibit("matrix", {"Matrix of gaps between sources": figure})


def intervals(
    groups: Mapping[str, Mapping[str, MetricRow | None]], *, colours: Mapping[str, str]
) -> Figure:
    """Values with intervals: one row per group (a fusion, a text source), one mark per series.

    Metrics that are missing, and groups without any, are left out.
    """
    known = {group: {k: row for k, row in rows.items() if row} for group, rows in groups.items()}
    known = {group: rows for group, rows in known.items() if rows}
    figure, axes = style.panel((style.PANEL[0], 1.3 + 0.45 * len(known)))
    for row, series in enumerate(known.values()):
        for index, (name, metric) in enumerate(series.items()):
            height = row + 0.16 * (index - (len(series) - 1) / 2)
            if metric.ci_low is not None and metric.ci_high is not None:
                ends = [metric.ci_low, metric.ci_high]
                axes.plot(ends, [height, height], color=colours[name], lw=1.6)
            mark = "oD^s"[list(colours).index(name)]
            axes.plot(metric.value, height, mark, color=colours[name], ms=5.5, label=name)
    _name_rows(axes, known)
    style.legend_above(figure, axes, ncols=2)
    return figure


def _name_rows(axes: Axes, names: Iterable[str]) -> None:
    names = list(names)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _ranges(given: style.Material, series: Series, side: str, sources: Iterable[str]) -> Figure:
    """The intervals of some metrics for each source of one side, `video` or `text`."""
    groups = {
        source: {
            label: given.numbers.find(name, **{side: source}) for label, (name, _) in series.items()
        }
        for source in sources
    }
    return intervals(groups, colours={label: colour for label, (_, colour) in series.items()})


def ladder(given: style.Material) -> style.Exhibit | None:
    """The same videos against each text source."""
    texts = given.sources.texts
    if len(texts) < 2:
        return None
    return style.exhibit("ladder", {"Text sources compared": _ranges(given, LADDER, "text", texts)})


def pooling(given: style.Material) -> style.Exhibit | None:
    """The fusions compared, and the lengths (N,) of the means of frames as fused."""
    videos = given.sources.videos
    if MEAN not in videos:
        return None
    norms = np.linalg.norm(videos[MEAN], axis=1)
    norms = norms[np.isfinite(norms)]
    differ = float(np.ptp(norms)) > 1e-3  # Not where each video is one frame.
    if len(videos) < 2 and not differ:
        return None
    panels = {"Fusions compared": _ranges(given, POOLING, "video", (FRAMES, *videos))}
    if differ:
        figure, axes = style.panel()
        axes.hist(norms, bins=min(40, max(8, len(norms) // 8)), color=style.VIDEO, alpha=0.75)
        axes.set(xlabel="length of the mean of a video's unit frames", ylabel="videos")
        panels["Lengths of mean embeddings"] = figure
    split = given.numbers.find("pooling_encoder")
    if split:
        panels["Parts of the squared gap by fusion"] = _ranges(given, PARTS, "video", videos)
    whole = given.numbers.value("centroid_gap_debiased") ** 2
    return style.exhibit(
        "pooling",
        panels,
        length=number(float((norms**2).mean()), 2),
        split=_split(split, whole) if split else "",
    )


def _split(encoder: MetricRow, whole: float) -> str:
    return (
        f" Third: the squared gap of videos and texts, {number(whole)}, is that of single frames"
        f" and captions, {with_interval(encoder)}, and what each step of pooling adds or takes"
        " away."
    )


def untrained(given: style.Material) -> style.Exhibit | None:
    """Each quantity of the trained network (a line) beside the untrained seeds (points)."""
    numbers, plan = given.numbers, given.numbers.plan
    seeds = {label: numbers.untrained(name) for label, name in TRAINING.items()} | {
        "cone of noise pictures": numbers.untrained("cone_video", video=NOISE, text=NOISE),
        "gap between two seeds, videos": numbers.crossed("centroid_gap_debiased", plan.video),
        "gap between two seeds, texts": numbers.crossed("centroid_gap_debiased", plan.text),
    }
    if not seeds["gap"]:
        return None
    known = {label: values for label, values in seeds.items() if values}
    figure, axes = style.panel((style.WIDE[0], 0.9 + 0.42 * len(known)))
    for row, (label, values) in enumerate(known.items()):
        heights = row + np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else [row]
        points = "untrained, one point per seed"
        axes.plot(values, heights, "o", color=style.MUTED, ms=5, alpha=0.85, label=points)
        if label in TRAINING:
            now, ends = numbers.value(TRAINING[label]), (row - 0.32, row + 0.32)
            axes.plot([now, now], ends, color=style.PAIRED, lw=3, label="trained")
    _name_rows(axes, known)
    axes.axvline(0, color=style.LINE, lw=0.8)
    style.legend_above(figure, axes)
    return style.exhibit(
        "untrained",
        {"Untrained and trained networks": figure},
        seeds=len(seeds["gap"]),
        n=numbers.untrained_pairs(),
        before=mean_and_spread(seeds["gap"]),
        after=number(numbers.value("centroid_gap_debiased"), 2),
    )

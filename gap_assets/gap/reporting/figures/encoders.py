"""Gap, cones and RMG of each encoder against how well it finds the own video."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.metric_rows import MetricRow
from gap_assets.gap.reporting.figures import style

SIZE = (5.8, 5.6)
PER_NAME = 0.22  # inches of a line of the legend
APART = 0.02  # Points of one recall would hide each other.
LABELS = {
    "centroid_gap_debiased": "gap",
    "rmg": "RMG",
    "cone_video": "cone of videos",
    "cone_text": "cone of texts",
}


def encoders_figure(
    points: Mapping[str, Mapping[str, MetricRow]], *, names: Sequence[str], recall: str
) -> Figure:
    """Four panels, one point an encoder in each.

    Args:
        points: Letter to the encoder's rows by metric; the first is the embedding CoCa.
        names: What the legend calls them, in the same order.
        recall: The metric of the horizontal axis.
    """
    width, height = SIZE
    figure = Figure(figsize=(width, height + PER_NAME * len(names)), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for panel, (metric, label) in zip(axes.flat, LABELS.items(), strict=True):
        _draw(style.plain(panel), points, metric, names=names, recall=recall)
        panel.set_title(label, fontsize=10, color=style.MUTED)
    for panel in axes[1]:
        panel.set_xlabel("R@1, text → video")
    style.legend_above(figure, axes[0, 0], ncols=1)
    return figure


def _draw(
    axes: Axes,
    points: Mapping[str, Mapping[str, MetricRow]],
    metric: str,
    *,
    names: Sequence[str],
    recall: str,
) -> None:
    middle = (len(points) - 1) / 2
    for index, ((letter, rows), name) in enumerate(zip(points.items(), names, strict=True)):
        row, colour = rows[metric], style.MUTED if index else style.VIDEO
        x = rows[recall].value + APART * (index - middle)
        if row.ci_low is not None and row.ci_high is not None:
            axes.plot([x, x], [row.ci_low, row.ci_high], color=colour, lw=1.6)
        axes.plot(
            x, row.value, "oD^sv<>p"[index % 8], color=colour, ms=6, label=f"{letter}  {name}"
        )
        axes.annotate(
            letter,
            (x, row.value),
            (6, (3, -9)[index % 2]),
            textcoords="offset points",
            fontsize=9,
            color=colour,
        )
    axes.margins(x=0.15, y=0.15)

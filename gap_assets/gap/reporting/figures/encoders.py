"""Gap, cones and RMG of each encoder against how well it finds the own video."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253
from matplotlib.transforms import ScaledTranslation  # noqa: TID253

from gap_assets.gap.metric_rows import MetricRow
from gap_assets.gap.reporting.figures import style

SIZE = (5.8, 5.6)
PER_NAME = 0.22  # inches of a line of the legend
APART = 9  # points; those of one recall would hide each other
ROOM = 0.1  # of recall, beside the first and the last
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
        _draw(figure, style.plain(panel), points, metric, names=names, recall=recall)
        panel.set_title(label, fontsize=10, color=style.MUTED)
    recalls = [rows[recall].value for rows in points.values()]
    low, high = min(recalls), max(recalls)
    axes[0, 0].set_xlim(low - ROOM, high + ROOM)
    axes[0, 0].set_xticks([tick for tick in axes[0, 0].get_xticks() if 0 <= tick <= 1])
    axes[0, 0].set_xlim(low - ROOM, high + ROOM)
    for panel in axes[1]:
        panel.set_xlabel("R@1, text → video")
    style.legend_above(figure, axes[0, 0], ncols=1)
    return figure


def _draw(
    figure: Figure,
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
        x = rows[recall].value
        beside = ScaledTranslation(APART * (index - middle) / 72, 0, figure.dpi_scale_trans)
        place = axes.transData + beside
        if row.ci_low is not None and row.ci_high is not None:
            axes.plot([x, x], [row.ci_low, row.ci_high], color=colour, lw=1.6, transform=place)
        axes.plot(
            *(x, row.value, "oD^sv<>p"[index % 8]),
            color=colour,
            ms=6,
            label=f"{letter}  {name}",
            transform=place,
        )
        axes.annotate(
            letter,
            (x, row.value),
            (APART * (index - middle) + 6, (3, -9)[index % 2]),
            textcoords="offset points",
            fontsize=9,
            color=colour,
        )
    ends = [end for rows in points.values() for end in _ends(rows[metric])]
    beyond = 0.15 * (max(ends) - min(ends)) or ROOM
    axes.set_ylim(min(ends) - beyond, max(ends) + beyond)


def _ends(row: MetricRow) -> list[float]:
    return [end for end in (row.value, row.ci_low, row.ci_high) if end is not None]

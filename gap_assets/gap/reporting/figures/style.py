"""What all figures share: colours, sizes, axes, what they are drawn from and what becomes of them.

Only the report's writer imports the figures, and only to draw: matplotlib is loaded with them.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.metric_rows import SourceVectors
from gap_assets.gap.metrics.pairwise import Comparisons
from gap_assets.gap.metrics.spectra import Shapes
from gap_assets.gap.pairs import FloatArray, Pairs
from gap_assets.gap.projections import ProjectionModel
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets.gap.reporting.pages import data_uri, words

# Red for video and blue for text as in the paper, in shades that differ in lightness as well.
VIDEO = "#c8322b"
TEXT = "#1f5fa8"
PAIRED = "#1a1a1a"
MISMATCHED = "#8a8a8a"
ACCENT = "#b07a00"
MUTED = "#5f6670"
LINE = "#b8bcc2"
PANEL = (4.6, 3.5)
WIDE = (5.8, 3.7)  # a phone shrinks it to legible letters still
PRINT_DPI = 300


@dataclass(frozen=True)
class Material:
    """What the figures are drawn from."""

    pairs: Pairs  # of the main sources
    comparisons: Comparisons
    shapes: Shapes
    numbers: Numbers
    projections: ProjectionModel  # fitted on these or earlier videos
    points: Mapping[str, FloatArray]  # method to coordinates (2N, 2) of the pairs, videos first
    sources: SourceVectors  # the trained network's embeddings
    untrained: Pairs | None = None  # of the main sources, by the first untrained network


Exhibit = dict[str, Any]
"""What the page's template reads of a figure: `title`, `caption`, `key`, `panels` (alternative text
to data URI) and `wide`; besides `files` (name to content), the same pictures to take away, and
`figures` (a file's stem to what it was drawn from)."""


def exhibit(key: str, panels: Mapping[str, Figure], **numbers: object) -> Exhibit:
    """The panels by their alternative text, with the words of `templates/figures.toml`.

    `wide` are those that take the whole width of a page.
    """
    entry = words("figures")[key]
    drawn = {alt: svg(panel) for alt, panel in panels.items()}
    stems = [key] if len(panels) == 1 else [f"{key}-{number + 1}" for number in range(len(panels))]
    files: dict[str, bytes] = {}
    for stem, picture, figure in zip(stems, drawn.values(), panels.values(), strict=True):
        files |= {f"{stem}.svg": picture, f"{stem}.png": png(figure)}
    return {
        "key": key,
        "title": entry["title"].format(**numbers),
        "caption": entry["caption"].format(**numbers),
        "panels": {alt: data_uri(picture, "image/svg+xml") for alt, picture in drawn.items()},
        "wide": any(panel.get_figwidth() > PANEL[0] for panel in panels.values()),
        "files": files,
        "figures": dict(zip(stems, panels.values(), strict=True)),
    }


class Drawing(Figure):
    """A figure that a notebook shows as a cell's result, whether it plots with pyplot or not."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def panel(size: tuple[float, float] = PANEL) -> tuple[Figure, Axes]:
    """A figure with one plain axes: no box, light grid."""
    figure = Drawing(figsize=size, layout="constrained")
    return figure, plain(figure.subplots())


def plain(axes: Axes, *, grid: bool = True) -> Axes:
    """Takes away the box and sets a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(color=LINE, labelcolor="#3a3f45", labelsize=9)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color="#eceef1", linewidth=0.8)
    return axes


def logarithmic(axes: Axes) -> None:
    """Counts 1, 10, 100 on a logarithmic x axis, written out."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")


def legend_above(figure: Figure, axes: Axes, *, ncols: int = 4, **options: Any) -> None:
    """The legend above the picture, where it hides nothing; each label once."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    look = {"frameon": False, "fontsize": 9, "loc": "outside upper center", "ncols": ncols}
    figure.legend(list(unique.values()), list(unique), **(look | options))


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes each time; clouds of points inside are pixels."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "gap_assets"}):
        figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG, for print."""
    buffer = io.BytesIO()
    figure.set_layout_engine("none")  # As it was laid out for the SVG.
    figure.savefig(buffer, format="png", dpi=PRINT_DPI)
    return buffer.getvalue()

"""Colours, sizes and file formats that all figures share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Red for video and blue for text as in the paper, in shades that differ in lightness as well.
VIDEO = "#c8322b"
TEXT = "#1f5fa8"
PAIRED = "#1a1a1a"
MISMATCHED = "#8a8a8a"
ACCENT = "#b07a00"
MUTED = "#5f6670"
PANEL = (4.6, 3.5)
WIDE = (8.2, 3.6)


def panel(size: tuple[float, float] = PANEL, **axes: Any) -> tuple[Figure, Axes]:
    """A figure with one plain axes: no box, light grid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, plain(figure.subplots(**axes))


def plain(axes: Axes, *, grid: bool = True) -> Axes:
    """Takes away the box and sets a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b8bcc2")
    axes.tick_params(color="#b8bcc2", labelcolor="#3a3f45", labelsize=9)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color="#eceef1", linewidth=0.8)
    return axes


def legend(axes: Axes, **options: Any) -> None:
    """A frameless legend in small type."""
    axes.legend(**({"frameon": False, "fontsize": 9} | options))


def legend_above(figure: Figure, axes: Axes, *, ncols: int = 4, **options: Any) -> None:
    """The legend above the picture, where it hides nothing; each label once."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    look = {"frameon": False, "fontsize": 9, "loc": "outside upper center", "ncols": ncols}
    figure.legend(list(unique.values()), list(unique), **(look | options))


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes each time; clouds of points inside are pixels."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "gap_assets"}):
        figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None})
    return buffer.getvalue()


def png(figure: Figure, *, dpi: int = 100) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()

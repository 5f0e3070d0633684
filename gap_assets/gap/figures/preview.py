"""The small picture that stands for a report in a list."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gap_assets.gap.figures.clouds import draw_pairs
from gap_assets.gap.figures.style import TEXT, VIDEO, plain, png

if TYPE_CHECKING:
    from gap_assets.gap.inputs import FloatArray

COLOURS = 64


def preview(points: dict[str, FloatArray], *, gap: float) -> bytes:
    """UMAP and gap axis side by side as a PNG of 900 x 400 pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name, title in (
        (left, "umap", "UMAP"),
        (right, "gap_axis", f"along the gap: {gap:.3f}"),
    ):
        draw_pairs(plain(axes), points[name])
        axes.set(title=title)
    left.set(xticks=[], yticks=[])
    for block, level in zip(np.split(points["gap_axis"][:, 0], 2), (VIDEO, TEXT), strict=True):
        right.axvline(block.mean(), color=level, ls="--", lw=1.2)
    left.legend(frameon=False)
    return _few_colours(png(figure))


def _few_colours(picture: bytes) -> bytes:
    """The PNG with a palette: a third of the size, since event logs keep a copy of it."""
    palette = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    file = io.BytesIO()
    palette.save(file, "PNG", optimize=True)
    return file.getvalue()

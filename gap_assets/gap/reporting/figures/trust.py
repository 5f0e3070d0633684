"""How far summaries are supported by their captions: by words, and in the encoder's text space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gap_assets.gap.reporting.figures import style

if TYPE_CHECKING:
    from gap_assets.gap.summaries import MarkedSummary


def trust(summaries: "Sequence[MarkedSummary]") -> style.Exhibit:
    """Histograms of the unsupported share and of the cosine to the captions."""
    shares = [each.unsupported for each in summaries if each.unsupported is not None]
    cosines = [each.cosine for each in summaries if each.cosine is not None]
    panels = {}
    for values, label, ends in (
        (shares, "share of content words in no caption", (0.0, 1.0)),
        (cosines, "cosine to the mean of the captions", (min([0.0, *cosines]), 1.0)),
    ):
        figure, axes = style.panel((style.PANEL[0], 2.4))
        axes.hist(values, bins=20, range=ends, color=style.TEXT, alpha=0.75)
        axes.set(xlabel=label, ylabel="summaries", xlim=ends)
        panels[f"Histogram: {label}"] = figure
    return style.exhibit(
        "trust",
        panels,
        unsupported=_median(shares),
        cosine=_median(cosines),
    )


def _median(values: Sequence[float]) -> str:
    return f"{np.median(values):.2f}" if values else "not known"

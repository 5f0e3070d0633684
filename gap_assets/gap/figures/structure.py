"""What the gap is made of and what removing it does: losses, interventions, spectra, retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.figures.style import (
    ACCENT,
    MUTED,
    PAIRED,
    TEXT,
    VIDEO,
    WIDE,
    legend,
    legend_above,
    panel,
)
from gap_assets.gap.inputs import FloatArray
from gap_assets.gap.interventions import LossLandscape, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = (
    ("centroid_gap_debiased", "gap", PAIRED, "-"),
    ("knn_same_modality", "own-modality neighbours", ACCENT, "--"),
    ("recall_at_1", "recall at 1", TEXT, "-."),
)


def loss_curves(landscape: LossLandscape) -> Figure:
    """Contrastive loss over the gap that a shift leaves, each temperature on its own scale."""
    from matplotlib import colormaps

    figure, axes = panel(WIDE)
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(landscape.inverse_temperatures)))
    for scale, losses, shade in zip(
        landscape.inverse_temperatures, landscape.losses, shades, strict=True
    ):
        span = max(float(np.ptp(losses)), 1e-12)
        rescaled = (losses - losses.min()) / span
        best = losses.argmin()
        label = f"1/τ = {scale:g}: best at gap {landscape.gaps[best]:.2f}"
        axes.plot(landscape.gaps, rescaled, color=shade, lw=1.8, label=label)
        axes.plot(landscape.gaps[best], 0, "o", color=shade, ms=8, clip_on=False, zorder=3)
    now = landscape.gaps[np.abs(landscape.shifts).argmin()]
    axes.axvline(now, color=PAIRED, lw=1, ls="--")
    axes.text(now, 1.02, " the data as they are", va="bottom", fontsize=9)
    axes.set(
        xlabel="gap that is left (negative: changed sides)",
        ylabel="loss, from its least to its most",
    )
    axes.set_ylim(-0.03, 1.1)
    legend_above(figure, axes, ncols=3)
    return figure


def _measures(axes: Axes, x: Sequence[float], outcomes: Sequence[Outcome]) -> None:
    for name, label, colour, dashes in MEASURES:
        values = [getattr(outcome, name) for outcome in outcomes]
        axes.plot(x, values, dashes, color=colour, marker="o", ms=4, lw=1.6, label=label)
    axes.set_ylim(bottom=0)


def shifting(outcomes: Sequence[Outcome]) -> Figure:
    """Gap, mixing and recall on held-out videos while shifting, and after mean-centring."""
    figure, axes = panel()
    shifts = [outcome for outcome in outcomes if outcome.kind == "shift"]
    centred = next(outcome for outcome in outcomes if outcome.kind == "centring")
    _measures(axes, [outcome.amount for outcome in shifts], shifts)
    place = shifts[-1].amount + 0.1
    for name, _, colour, _ in MEASURES:
        axes.plot(place, getattr(centred, name), "D", color=colour, ms=7)
    ticks = [outcome.amount for outcome in shifts]
    axes.set_xticks([*ticks, place], [*(f"{tick:g}" for tick in ticks), "centred"])
    axes.set(xlabel="shift along the gap (0.5 closes it)")
    legend_above(figure, axes, ncols=3, columnspacing=1)
    return figure


def dropping(outcomes: Sequence[Outcome]) -> Figure:
    """The same measures after dropping the dimensions with the largest gap."""
    figure, axes = panel()
    none = [outcome for outcome in outcomes if outcome.kind == "shift" and outcome.amount == 0]
    steps = none + [outcome for outcome in outcomes if outcome.kind == "dropping"]
    _measures(axes, range(len(steps)), steps)
    labels = ["0", *(f"{outcome.amount:g}" for outcome in steps[1:])]
    axes.set_xticks(range(len(steps)), labels)
    axes.set(xlabel="dimensions dropped, largest gap first")
    legend_above(figure, axes, ncols=3, columnspacing=1)
    return figure


def gap_dimensions(gap: FloatArray) -> Figure:
    """Cumulative share of the squared gap (D,) over dimensions, largest first."""
    figure, axes = panel()
    shares = np.sort(gap**2)[::-1].cumsum() / max(float(gap @ gap), 1e-12)
    axes.plot(np.arange(1, len(shares) + 1), shares, color=PAIRED, lw=1.8)
    for level in (0.5, 0.9):
        count = int(np.searchsorted(shares, level) + 1)
        axes.plot([count, count], [0, level], color=MUTED, lw=1, ls=":")
        axes.annotate(
            f"{level:.0%}: {count}",
            (count, level),
            (6, -4),
            textcoords="offset points",
            va="top",
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel=f"dimensions (of {len(gap)}), largest first", ylabel="share of the squared gap")
    axes.set_ylim(0, 1.02)
    return figure


def spectra(eigenvalues: Mapping[str, FloatArray]) -> Figure:
    """Cumulative variance of the video, text and residual (video minus text) clouds."""
    figure, axes = panel()
    colours = {"video": VIDEO, "text": TEXT}
    for name, values in eigenvalues.items():
        share = values.cumsum() / max(float(values.sum()), 1e-12)
        axes.plot(
            np.arange(1, len(share) + 1),
            share,
            color=colours.get(name, PAIRED),
            ls="-" if name in colours else "--",
            lw=1.8,
            label=name,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="principal directions", ylabel="share of the variance", ylim=(0, 1.02))
    legend(axes, loc="upper left")
    return figure


def recall_curves(curves: Mapping[str, FloatArray]) -> Figure:
    """Share of queries whose match is within rank k, from the ranks (N,) of each direction."""
    figure, axes = panel()
    styles = ((VIDEO, "-"), (TEXT, "-"), (VIDEO, ":"), (TEXT, ":"))
    n = len(next(iter(curves.values())))
    k = np.unique(np.geomspace(1, 2 * n - 1, 200).round())
    for (label, ranks), (colour, dashes) in zip(curves.items(), styles, strict=True):
        within = np.searchsorted(np.sort(ranks), k, side="right") / n
        axes.step(k, within, where="post", color=colour, ls=dashes, lw=1.8, label=label)
    axes.plot(k[k <= n], k[k <= n] / n, color=MUTED, lw=1, ls="--", label="chance")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="rank k", ylabel="share of matches within k", ylim=(0, 1.04))
    axes.set_xlim(left=1)
    legend_above(figure, axes, ncols=2)
    return figure


def hub_histogram(occurrences: Mapping[str, NDArray[np.int64]], *, k: int) -> Figure:
    """How often each row is among the k nearest of the other modality's queries."""
    figure, axes = panel()
    highest = max(int(counts.max()) for counts in occurrences.values())
    bins = np.arange(0, highest + 2) - 0.5 if highest < 40 else np.linspace(0, highest, 41)
    for (label, counts), colour in zip(occurrences.items(), (TEXT, VIDEO), strict=True):
        axes.hist(counts, bins=list(bins), color=colour, alpha=0.5, label=label)
    axes.axvline(k, color=PAIRED, lw=1, ls="--", label=f"without hubs: {k}")
    axes.set(xlabel=f"occurrences in lists of the {k} nearest", ylabel="rows")
    legend(axes)
    return figure

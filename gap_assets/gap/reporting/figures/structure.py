"""What the gap is made of and what removing it does: losses, interventions, spectra, retrieval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253
from matplotlib.figure import Figure  # noqa: TID253

from gap_assets.gap.metrics.interventions import (
    LOSS_BATCH,
    MEASURES,
    UNSHIFTED,
    Outcome,
    intervene,
    loss_landscape,
)
from gap_assets.gap.metrics.retrieval import middle_rank
from gap_assets.gap.pairs import FloatArray
from gap_assets.gap.reporting.figures import style
from gap_assets.gap.reporting.numbers import Numbers, number

SOME_EXCESS = 0.05  # of own-modality neighbours over swapped labels: modalities are apart
LOOKS = (  # of the measures of an intervention
    ("gap", style.PAIRED, "-"),
    ("own-modality neighbours", style.ACCENT, "--"),
    ("… with swapped labels", style.MUTED, ":"),
    ("recall at 1", style.TEXT, "-."),
)


def landscape(given: style.Material) -> style.Exhibit:
    """Contrastive loss over the gap that a shift leaves, each temperature on its own scale."""
    pairs = given.pairs
    found = loss_landscape(pairs, logit_scale=given.numbers.plan.logit_scale)
    scales, gaps = found.inverse_temperatures, found.gaps
    figure, axes = style.panel(style.WIDE)
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(scales)))
    for scale, losses, shade in zip(scales, found.losses, shades, strict=True):
        rescaled = (losses - losses.min()) / max(float(np.ptp(losses)), 1e-12)
        best = gaps[losses.argmin()]
        label = f"1/τ = {scale:g}: best at gap {best:.2f}"
        order = np.argsort(gaps)
        axes.plot(gaps[order], rescaled[order], color=shade, lw=1.8, label=label)
        axes.plot(best, 0, "o", color=shade, ms=8, clip_on=False, zorder=3)
    axes.axvline(gaps[UNSHIFTED], color=style.PAIRED, lw=1, ls="--")
    axes.text(gaps[UNSHIFTED], 1.02, " the data as they are", va="bottom", fontsize=9)
    axes.set(
        xlabel="gap that is left (negative: changed sides)",
        ylabel="loss, from its least to its most",
    )
    axes.set_ylim(-0.03, 1.1)
    style.legend_above(figure, axes, ncols=2)
    low, high = found.flat()
    edge = "at the edge of what was tried, so it may be smaller beyond" if found.at_edge() else ""
    return style.exhibit(
        "landscape",
        {"Loss over gap": figure},
        scale=f"{scales[0]:g}",
        best=number(found.best_gap(), 2),
        flat=edge or f"and within 0.01 nats of that from {number(low, 2)} to {number(high, 2)}",
        batch=min(LOSS_BATCH, len(pairs)),
    )


def interventions(given: style.Material) -> style.Exhibit | None:
    """Gap, mixing and recall on held-out videos: shifting and centring, and dropping dimensions."""
    outcomes = intervene(given.pairs, seed=given.numbers.plan.seed)
    if not outcomes:
        return None
    shifts, centring, drops = (
        [outcome for outcome in outcomes if outcome.kind == kind]
        for kind in ("shift", "centring", "dropping")
    )
    left, axes = _measures(shifts, "shift along the gap (0.5 closes it)")
    for centred in centring:
        for name, (_, colour, _) in zip(MEASURES, LOOKS, strict=True):
            axes.plot(len(shifts), getattr(centred, name), "D", color=colour, ms=7)
        axes.set_xticks([*axes.get_xticks(), len(shifts)], [*_amounts(shifts), "centred"])
    right, _ = _measures([shifts[0], *drops], "dimensions dropped, largest gap first")
    panels = {"Shift and centring": left, "Dropped dimensions": right}
    return style.exhibit(
        "interventions", panels, n=outcomes[0].n, title=_what_remains(given.numbers, centring)
    )


def _what_remains(numbers: Numbers, centring: Sequence[Outcome]) -> str:
    """The figure's title, by the neighbours that are left once the means are subtracted."""
    for outcome in centring:
        excess = outcome.knn_same_modality - outcome.knn_swapped
        before = numbers.value("knn_same_modality_excess")
        if excess > SOME_EXCESS:
            return "Closing the gap does not merge the modalities here"
        if before > SOME_EXCESS:
            return "Closing the gap merges the modalities here"
    return "Closing the gap"


def _measures(outcomes: Sequence[Outcome], label: str) -> tuple[Figure, Axes]:
    """A panel of the measures over the amounts, evenly spaced."""
    figure, axes = style.panel()
    for name, (measure, colour, dashes) in zip(MEASURES, LOOKS, strict=True):
        values = [getattr(outcome, name) for outcome in outcomes]
        axes.plot(values, dashes, color=colour, marker="o", ms=4, lw=1.6, label=measure)
    axes.set_xticks(range(len(outcomes)), _amounts(outcomes))
    axes.set(xlabel=label)
    axes.set_ylim(bottom=0)
    style.legend_above(figure, axes, ncols=2, columnspacing=1)
    return figure, axes


def _amounts(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"{outcome.amount:g}" for outcome in outcomes]


def dimensions(given: style.Material) -> style.Exhibit:
    """Cumulative shares of the squared gap over coordinates, and of variance over directions."""
    shape, numbers, n = given.shapes, given.numbers, len(given.pairs)
    size = len(shape.gap)
    left, axes = style.panel()
    _cumulative(axes, np.sort(shape.gap**2)[::-1], color=style.PAIRED)
    for level in (0.5, 0.9):
        count = numbers.value(f"gap_dimensions_{100 * level:g}")
        axes.plot([count, count], [0, level], color=style.MUTED, lw=1, ls=":")
        look: dict[str, Any] = {"textcoords": "offset points", "va": "top", "fontsize": 9}
        axes.annotate(f"{level:.0%}: {count:g}", (count, level), (6, -4), **look)
    axes.set(xlabel=f"dimensions (of {size}), largest first", ylabel="share of the squared gap")
    right, axes = style.panel()
    _cumulative(axes, shape.video.values, color=style.VIDEO, label="video")
    _cumulative(axes, shape.text.values, color=style.TEXT, label="text")
    _cumulative(axes, shape.residual.values, color=style.PAIRED, ls="--", label="video − text")
    axes.set(xlabel="principal directions", ylabel="share of the variance")
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return style.exhibit(
        "dimensions",
        {"Share of the gap by dimension": left, "Variance by direction": right},
        half=number(numbers.value("gap_dimensions_50")),
        dimensions=size,
        n=n,
        span=n - 1,
        overlap=number(numbers.value("subspace_overlap"), 2),
        chance=number(numbers.value("subspace_overlap_chance"), 2),
    )


def _cumulative(axes: Axes, descending: FloatArray, **look: Any) -> None:
    """The share that the largest terms (D,) have in the sum of all."""
    shares = descending.cumsum() / max(float(descending.sum()), 1e-12)
    axes.plot(np.arange(1, len(shares) + 1), shares, lw=1.8, **look)
    style.logarithmic(axes)
    axes.set_ylim(0, 1.02)


def retrieval(given: style.Material) -> style.Exhibit:
    """Share of queries whose match is within rank k, and how often each row is retrieved."""
    passes = given.comparisons
    mixed, n, k = passes.mixed_ranks, len(passes.paired), passes.video.nearest.shape[1]
    to_text, to_video = passes.video_to_text, passes.text_to_video
    left, axes = style.panel()
    rank = np.unique(np.geomspace(1, 2 * n - 1, 200).round())
    for label, ranks, colour, dashes in (
        ("video → text", middle_rank(to_text.closer, to_text.tied), style.VIDEO, "-"),
        ("text → video", middle_rank(to_video.closer, to_video.tied), style.TEXT, "-"),
        ("video → text, mixed", mixed["video"], style.VIDEO, ":"),
        ("text → video, mixed", mixed["text"], style.TEXT, ":"),
    ):
        within = np.searchsorted(np.sort(ranks), rank, side="right") / n
        axes.step(rank, within, where="post", color=colour, ls=dashes, lw=1.8, label=label)
    axes.plot(
        rank[rank <= n], rank[rank <= n] / n, color=style.MUTED, lw=1, ls="--", label="chance"
    )
    style.logarithmic(axes)
    axes.set(xlabel="rank k", ylabel="share of matches within k", ylim=(0, 1.04))
    axes.set_xlim(left=1)
    style.legend_above(left, axes, ncols=2)
    right, axes = style.panel()
    hubs = {
        "texts": (passes.video_to_text.occurrences, style.TEXT),
        "videos": (passes.text_to_video.occurrences, style.VIDEO),
    }
    highest = max(int(counts.max()) for counts, _ in hubs.values())
    bins = np.arange(0, highest + 2) - 0.5 if highest < 40 else np.linspace(0, highest, 41)
    for label, (counts, colour) in hubs.items():
        axes.hist(counts, bins=list(bins), color=colour, alpha=0.5, label=label)
    axes.axvline(k, color=style.PAIRED, lw=1, ls="--", label=f"without hubs: {k}")
    axes.set(xlabel=f"occurrences in lists of the {k} nearest", ylabel="rows")
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    return style.exhibit(
        "retrieval",
        {"Recall curves": left, "Hubs": right},
        median=number(float(np.median(mixed["video"]))),
        size=2 * n - 1,
        k=k,
    )

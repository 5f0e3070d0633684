"""What the gap is made of and what removing it does: losses, interventions, spectra, retrieval."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps  # noqa: TID253
from matplotlib.axes import Axes  # noqa: TID253

from gap_assets.gap.figures.style import (
    ACCENT,
    MUTED,
    PAIRED,
    TEXT,
    VIDEO,
    WIDE,
    Exhibit,
    Material,
    exhibit,
    legend_above,
    logarithmic,
    panel,
)
from gap_assets.gap.interventions import (
    LOSS_BATCH,
    MEASURES,
    UNSHIFTED,
    Outcome,
    intervene,
    loss_landscape,
)
from gap_assets.gap.verdict import number

LOOKS = (  # of the measures of an intervention
    ("gap", PAIRED, "-"),
    ("own-modality neighbours", ACCENT, "--"),
    ("recall at 1", TEXT, "-."),
)


def landscape(given: Material) -> Exhibit:
    """Contrastive loss over the gap that a shift leaves, each temperature on its own scale."""
    pairs = given.pairs
    found = loss_landscape(pairs, logit_scale=given.numbers.plan.logit_scale)
    scales, gaps = found.inverse_temperatures, found.gaps
    figure, axes = panel(WIDE)
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(scales)))
    for scale, losses, shade in zip(scales, found.losses, shades, strict=True):
        rescaled = (losses - losses.min()) / max(float(np.ptp(losses)), 1e-12)
        best = gaps[losses.argmin()]
        label = f"1/τ = {scale:g}: best at gap {best:.2f}"
        axes.plot(gaps, rescaled, color=shade, lw=1.8, label=label)
        axes.plot(best, 0, "o", color=shade, ms=8, clip_on=False, zorder=3)
    axes.axvline(gaps[UNSHIFTED], color=PAIRED, lw=1, ls="--")
    axes.text(gaps[UNSHIFTED], 1.02, " the data as they are", va="bottom", fontsize=9)
    axes.set(
        xlabel="gap that is left (negative: changed sides)",
        ylabel="loss, from its least to its most",
    )
    axes.set_ylim(-0.03, 1.1)
    legend_above(figure, axes, ncols=3)
    return exhibit(
        "landscape",
        {"Loss over gap": figure},
        scale=f"{scales[0]:g}",
        best=number(float(gaps[found.losses[0].argmin()]), 2),
        batch=min(LOSS_BATCH, len(pairs)),
    )


def interventions(given: Material) -> Exhibit | None:
    """Gap, mixing and recall on held-out videos: shifting and centring, and dropping dimensions."""
    outcomes = intervene(given.pairs, seed=given.numbers.plan.seed)
    if not outcomes:
        return None
    shifts, (centred,), drops = (
        [outcome for outcome in outcomes if outcome.kind == kind]
        for kind in ("shift", "centring", "dropping")
    )
    amounts = [outcome.amount for outcome in shifts]
    left, axes = panel()
    _measures(axes, amounts, shifts)
    for name, (_, colour, _) in zip(MEASURES, LOOKS, strict=True):
        axes.plot(amounts[-1] + 0.1, getattr(centred, name), "D", color=colour, ms=7)
    ticks = [*(f"{amount:g}" for amount in amounts), "centred"]
    axes.set_xticks([*amounts, amounts[-1] + 0.1], ticks)
    axes.set(xlabel="shift along the gap (0.5 closes it)")
    legend_above(left, axes, ncols=3, columnspacing=1)
    right, axes = panel()
    _measures(axes, range(len(drops) + 1), [shifts[0], *drops])
    axes.set_xticks(range(len(drops) + 1), ["0", *(f"{outcome.amount:g}" for outcome in drops)])
    axes.set(xlabel="dimensions dropped, largest gap first")
    legend_above(right, axes, ncols=3, columnspacing=1)
    panels = {"Shift and centring": left, "Dropped dimensions": right}
    return exhibit("interventions", panels, n=outcomes[0].n)


def _measures(axes: Axes, x: Sequence[float], outcomes: Sequence[Outcome]) -> None:
    for name, (label, colour, dashes) in zip(MEASURES, LOOKS, strict=True):
        values = [getattr(outcome, name) for outcome in outcomes]
        axes.plot(x, values, dashes, color=colour, marker="o", ms=4, lw=1.6, label=label)
    axes.set_ylim(bottom=0)


def dimensions(given: Material) -> Exhibit:
    """Cumulative shares of the squared gap over coordinates, and of variance over directions."""
    shape, numbers, n = given.shapes, given.numbers, len(given.pairs)
    gap = shape.gap
    left, axes = panel()
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
    logarithmic(axes)
    axes.set(xlabel=f"dimensions (of {len(gap)}), largest first", ylabel="share of the squared gap")
    axes.set_ylim(0, 1.02)
    right, axes = panel()
    for name, spectrum, colour, dashes in (
        ("video", shape.video, VIDEO, "-"),
        ("text", shape.text, TEXT, "-"),
        ("video − text", shape.residual, PAIRED, "--"),
    ):
        share = spectrum.values.cumsum() / max(float(spectrum.values.sum()), 1e-12)
        ranks = np.arange(1, len(share) + 1)
        axes.plot(ranks, share, color=colour, ls=dashes, lw=1.8, label=name)
    logarithmic(axes)
    axes.set(xlabel="principal directions", ylabel="share of the variance", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return exhibit(
        "dimensions",
        {"Share of the gap by dimension": left, "Variance by direction": right},
        half=number(numbers.value("gap_dimensions_50")),
        dimensions=len(gap),
        n=n,
        span=n - 1,
        overlap=number(numbers.value("subspace_overlap"), 2),
        chance=number(numbers.value("subspace_overlap_chance"), 2),
    )


def retrieval(given: Material) -> Exhibit:
    """Share of queries whose match is within rank k, and how often each row is retrieved."""
    passes = given.comparisons
    mixed, n, k = passes.mixed_ranks, len(passes.paired), passes.video.nearest.shape[1]
    left, axes = panel()
    rank = np.unique(np.geomspace(1, 2 * n - 1, 200).round())
    for label, ranks, colour, dashes in (
        ("video → text", passes.video_to_text.closer + 1, VIDEO, "-"),
        ("text → video", passes.text_to_video.closer + 1, TEXT, "-"),
        ("video → text, mixed", mixed["video"], VIDEO, ":"),
        ("text → video, mixed", mixed["text"], TEXT, ":"),
    ):
        within = np.searchsorted(np.sort(ranks), rank, side="right") / n
        axes.step(rank, within, where="post", color=colour, ls=dashes, lw=1.8, label=label)
    axes.plot(rank[rank <= n], rank[rank <= n] / n, color=MUTED, lw=1, ls="--", label="chance")
    logarithmic(axes)
    axes.set(xlabel="rank k", ylabel="share of matches within k", ylim=(0, 1.04))
    axes.set_xlim(left=1)
    legend_above(left, axes, ncols=2)
    right, axes = panel()
    hubs = {
        "texts": (passes.video_to_text.occurrences, TEXT),
        "videos": (passes.text_to_video.occurrences, VIDEO),
    }
    highest = max(int(counts.max()) for counts, _ in hubs.values())
    bins = np.arange(0, highest + 2) - 0.5 if highest < 40 else np.linspace(0, highest, 41)
    for label, (counts, colour) in hubs.items():
        axes.hist(counts, bins=list(bins), color=colour, alpha=0.5, label=label)
    axes.axvline(k, color=PAIRED, lw=1, ls="--", label=f"without hubs: {k}")
    axes.set(xlabel=f"occurrences in lists of the {k} nearest", ylabel="rows")
    axes.legend(frameon=False, fontsize=9)
    return exhibit(
        "retrieval",
        {"Recall curves": left, "Hubs": right},
        median=number(float(np.median(mixed["video"]))),
        size=2 * n - 1,
        k=k,
    )

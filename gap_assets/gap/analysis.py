"""One analysis of a set of pairs: every expensive intermediate, computed once.

The scorecard turns it into numbers, the figures into pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from gap_assets.gap.inputs import FloatArray, Pairs
from gap_assets.gap.pairwise import Comparisons, compare_all
from gap_assets.gap.separability import Probe, gap_axis_projections, linear_probe
from gap_assets.gap.spectra import Shapes, shapes

MIN_PAIRS_FOR_HALVES = 8


@dataclass(frozen=True)
class Analysis:
    """Intermediates of one set of pairs.

    Attributes:
        pairs: The checked pairs.
        comparisons: The four passes over all pairs of rows.
        shapes: Means, covariances, spectra.
        axis: (2, N) cross-fitted coordinates along the gap, video then text; None for N < 8.
        probe: Logistic probe; None for N < 8.
    """

    pairs: Pairs
    comparisons: Comparisons
    shapes: Shapes
    axis: tuple[FloatArray, FloatArray] | None
    probe: Probe | None


def analyse(pairs: Pairs, *, seed: int = 0, block_rows: int | None = None) -> Analysis:
    """Runs everything that the scorecard and the figures share."""
    divisible = len(pairs) >= MIN_PAIRS_FOR_HALVES
    return Analysis(
        pairs=pairs,
        comparisons=compare_all(pairs, block_rows=block_rows),
        shapes=shapes(pairs),
        axis=gap_axis_projections(pairs, seed=seed) if divisible else None,
        probe=linear_probe(pairs, seed=seed) if divisible else None,
    )

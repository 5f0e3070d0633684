"""The cone of random perceptrons by width and depth: what Liang et al. 2022 explain the cone by.

Nothing here depends on a corpus. Inputs are standard normal vectors of as many dimensions as a
layer has units, so that at every width two inputs have a mean cosine of 0, as in the paper.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.metrics.cone import cones
from gap_assets.gap.pairs import FloatArray, unit_rows

WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
DEPTH = 12
SEEDS = 5
ITEMS = 100

Rows = NDArray[np.float32]

ACTIVATIONS: Mapping[str, Callable[[Rows], Rows]] = {
    "tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
}


@dataclass(frozen=True, kw_only=True)
class Start:
    """How weights are drawn.

    Attributes:
        weight: Variance of a weight, times the width.
        bias: Variance of a bias, times the width.
    """

    weight: float
    bias: float


PAPER, HE = "paper", "He"
STARTS = {
    PAPER: Start(weight=1, bias=1),  # Liang et al. 2022, figure 2b: N(0, 1 / width) for both
    HE: Start(weight=2, bias=0),  # He et al. 2015
}


@dataclass(frozen=True, kw_only=True)
class RandomCones:
    """Cones of random networks.

    Attributes:
        widths: W widths.
        by_kind: (Activation, start) to the cones, (seeds, W, 1 + depth): of the inputs, and after
            each layer.
    """

    widths: tuple[int, ...]
    by_kind: Mapping[tuple[str, str], FloatArray]


@cache
def random_cones(
    *, widths: tuple[int, ...] = WIDTHS, depth: int = DEPTH, seeds: int = SEEDS, items: int = ITEMS
) -> RandomCones:
    """Passes normal inputs through random layers of each width.

    A seed's networks share their draws, scaled to each way of starting: kinds then differ in
    nothing else. Some seconds of one core at the default size.

    Args:
        widths: Units of each layer, and dimensions of the inputs.
        depth: Layers.
        seeds: Networks of each kind.
        items: Inputs.
    """
    kinds = [(activation, start) for activation in ACTIVATIONS for start in STARTS]
    found = {kind: np.empty((seeds, len(widths), 1 + depth)) for kind in kinds}
    for seed in range(seeds):
        for column, width in enumerate(widths):
            rng = np.random.default_rng((seed, width))
            inputs = rng.standard_normal((items, width), dtype=np.float32)
            states = dict.fromkeys(kinds, inputs)
            for layer in range(1 + depth):
                if layer:
                    weights = rng.standard_normal((width, width), dtype=np.float32)
                    biases = rng.standard_normal(width, dtype=np.float32)
                    states = {kind: _layer(x, weights, biases, *kind) for kind, x in states.items()}
                for kind, x in states.items():
                    found[kind][seed, column, layer] = _cone(x)
    return RandomCones(widths=widths, by_kind=found)


def _layer(x: Rows, weights: Rows, biases: Rows, activation: str, start: str) -> Rows:
    drawn, width = STARTS[start], x.shape[1]
    weight, bias = (np.float32((s / width) ** 0.5) for s in (drawn.weight, drawn.bias))
    return ACTIVATIONS[activation](x @ weights * weight + biases * bias)


def _cone(x: Rows) -> float:
    """The mean cosine of those that have a direction: a narrow ReLU layer may give zeros alone."""
    rows = unit_rows(x[x.any(axis=1)])
    return float(cones(rows, weights=np.ones((1, len(rows))))[0])

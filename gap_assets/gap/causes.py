"""What makes a gap: trainings that differ in one choice, over seeds, and what they say together.

The trainings are made by `gap_assets.world.training`; those that ship are in `causes.json`. Tests
over seeds are exact: they count arrangements of the few values that there are.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SHIPPED = Path(__file__).with_name("causes.json")


class CauseRow(NamedTuple):
    """One figure of one training; the columns of the table `cause_runs`."""

    condition: str
    seed: int
    step: int
    metric: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Trainings that differ from one baseline in one choice each.

    Attributes:
        dials: What was varied, to the conditions in their order and what each is called.
        recipe: The baseline's.
        recipe_sha256: Its hash.
        rows: Figures along the trainings.
    """

    dials: Mapping[str, Mapping[str, str]]
    recipe: Mapping[str, Any]
    recipe_sha256: str
    rows: Sequence[CauseRow]

    def curves(self, condition: str, metric: str) -> dict[int, dict[int, float]]:
        """Seed to the metric's values by step, in the order of steps."""
        found: dict[int, dict[int, float]] = {}
        for row in sorted(self.rows):
            if (row.condition, row.metric) == (condition, metric):
                found.setdefault(row.seed, {})[row.step] = row.value
        return found

    def ends(self, condition: str, metric: str) -> dict[int, float]:
        """Seed to the metric's value at the end of the training."""
        curves = self.curves(condition, metric)
        return {seed: values[max(values)] for seed, values in curves.items()}

    def trained(self, dial: str) -> dict[str, str]:
        """The conditions of a dial that have rows, and what they are called."""
        there = {row.condition for row in self.rows}
        return {name: label for name, label in self.dials[dial].items() if name in there}


@cache
def shipped_grid() -> Grid:
    """The grid that ships with the package."""
    return read_grid(SHIPPED)


def read_grid(path: Path) -> Grid:
    """A grid from the file that `write_grid` made."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        CauseRow(cell["condition"], cell["seed"], step, metric, value)
        for cell in content.pop("cells")
        for metric, values in cell["metrics"].items()
        for step, value in values
    ]
    return Grid(**content, rows=rows)


def write_grid(grid: Grid) -> bytes:
    """A grid as JSON, one line a training, values to four decimals."""
    cells: dict[tuple[str, int], dict[str, list[tuple[int, float]]]] = {}
    for row in grid.rows:
        metrics = cells.setdefault((row.condition, row.seed), {})
        metrics.setdefault(row.metric, []).append((row.step, round(row.value, 4)))
    head = {"dials": grid.dials, "recipe": grid.recipe, "recipe_sha256": grid.recipe_sha256}
    lines = [
        json.dumps({"condition": condition, "seed": seed, "metrics": metrics})
        for (condition, seed), metrics in cells.items()
    ]
    opening, cells_text = json.dumps(head, indent=1).removesuffix("\n}"), ",\n".join(lines)
    return f'{opening},\n "cells": [\n{cells_text}\n]}}\n'.encode()


def differences(a: Mapping[int, float], b: Mapping[int, float]) -> list[float]:
    """What b has more than a, for each seed that both have."""
    return [b[seed] - a[seed] for seed in sorted(a.keys() & b.keys())]


def sign_flip_p(values: Sequence[float]) -> float:
    """Two-sided exact p-value of paired differences under random signs; 2 / 2^n at the least."""
    observed = abs(sum(values)) * (1 - 1e-12)
    flipped = [abs(np.dot(signs, values)) for signs in product((1, -1), repeat=len(values))]
    return float(np.mean(np.asarray(flipped) >= observed))


def trend_p(levels: Iterable[Mapping[int, float]]) -> float:
    """Two-sided exact p-value of a rise or fall over ordered conditions, arranged within seeds.

    Each seed's values are put in every order; the statistic is the sum over seeds of the products
    of a value and the number of its condition, as in Page's test, but of values, not ranks.
    """
    levels = list(levels)
    seeds = sorted(set.intersection(*(set(level) for level in levels)))
    values = np.array([[level[seed] for level in levels] for seed in seeds])
    numbers = np.arange(len(levels)) - (len(levels) - 1) / 2
    orders = np.array(list(permutations(range(len(levels)))))
    sums = np.zeros(1)
    for own in values:
        sums = (sums[:, None] + own[orders] @ numbers).ravel()
    observed = abs(float((values @ numbers).sum())) - 1e-9
    return float(np.mean(np.abs(sums) >= observed))

"""Rows of the warehouse's `cone_profile`: cones from block to block, of one network or of several.

Belongs here: looking them up, and what networks that differ in their seed say together. The rows
are made by `gap_assets.pipeline.cones`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from gap_assets.gap.metrics.resampling import Ends

LEAST_SEEDS = 3
UNTRAINED = "untrained-"
CLASS, PATCHES, OUTPUT = "class", "patches", "output"
IMAGE, TEXT = "image", "text"

Change = Literal["rises", "falls"]


class ConeRow(NamedTuple):
    """One row of `cone_profile`."""

    encoder: str
    tower: str
    token: str
    layer: int
    source: str
    cone: float
    ci_low: float | None
    ci_high: float | None
    n: int


class Part(NamedTuple):
    """A token of a tower on one kind of items."""

    tower: str
    token: str
    source: str


@dataclass(frozen=True)
class ConeProfile:
    """All rows, looked up by network and part.

    Attributes:
        rows: In any order.
        encoder: The trained network.
    """

    rows: Sequence[ConeRow]
    encoder: str

    @property
    def untrained(self) -> list[str]:
        """The names of the untrained networks."""
        names = dict.fromkeys(row.encoder for row in self.rows)
        return [name for name in names if name.startswith(UNTRAINED)]

    @property
    def text_source(self) -> str | None:
        """The source of the texts, if there were enough of them."""
        return next((row.source for row in self.rows if row.tower == TEXT), None)

    def curve(self, part: Part, *, encoder: str | None = None) -> list[ConeRow]:
        """A part's rows by layer; of the trained network where none is named."""
        name = encoder or self.encoder
        found = [
            row
            for row in self.rows
            if row.encoder == name and Part(row.tower, row.token, row.source) == part
        ]
        return sorted(found, key=lambda row: row.layer)

    def curves(self, part: Part) -> list[list[ConeRow]]:
        """A part's rows by layer, of each untrained network that has any."""
        found = (self.curve(part, encoder=name) for name in self.untrained)
        return [curve for curve in found if curve]


def change(first: Sequence[float], last: Sequence[float]) -> Change | None:
    """Which way a number goes in networks that differ in their seed.

    Args:
        first: One value a network.
        last: Its other value, in the same order.

    Returns:
        None if the 95 % interval of the mean difference (Student's t over networks) holds 0, or if
        there are fewer than three networks.
    """
    from scipy.special import stdtrit

    differences = np.subtract(last, first)
    n = len(differences)
    if n < LEAST_SEEDS:
        return None
    mean = float(differences.mean())
    margin = float(stdtrit(n - 1, 0.975)) * float(differences.std(ddof=1)) / n**0.5
    if abs(mean) <= margin:
        return None
    return "rises" if mean > 0 else "falls"


def apart(one: Ends, other: Ends) -> Change | None:
    """Which way a number goes from one row to another; None where their intervals meet or lack."""
    ends = (one.ci_low, one.ci_high, other.ci_low, other.ci_high)
    low, high, other_low, other_high = (math.nan if end is None else end for end in ends)
    if high < other_low:
        return "rises"
    return "falls" if other_high < low else None

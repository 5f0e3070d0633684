"""The stored numbers looked up by name, and how they are written for people."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gap_assets.gap.metric_rows import UNTRAINED, MetricPlan, MetricRow
from gap_assets.gap.metrics.resampling import Ends


class Bounded(Ends, Protocol):
    """A value and the ends of its interval, if it has one."""

    @property
    def value(self) -> float:
        """The value."""


class Numbers:
    """The rows of a warehouse's `gap_metrics`, looked up from the main pair of sources."""

    def __init__(self, rows: Sequence[MetricRow], plan: MetricPlan) -> None:
        self.rows, self.plan = rows, plan
        self._index = {
            (row.encoder, row.video_source, row.text_source, row.metric): row for row in rows
        }

    def find(
        self, metric: str, *, encoder: str = "", video: str = "", text: str = ""
    ) -> MetricRow | None:
        """The row of a metric; the main encoder and sources where none are named."""
        plan = self.plan
        key = (encoder or plan.encoder, video or plan.video, text or plan.text, metric)
        return self._index.get(key)

    def value(self, metric: str) -> float:
        """Value for the main pair, NaN where missing."""
        row = self.find(metric)
        return row.value if row else math.nan

    def main(self) -> list[MetricRow]:
        """All rows of the main pair."""
        return [row for row in self.rows if row is self.find(row.metric)]

    def untrained(self, metric: str, **sources: str) -> list[float]:
        """The metric for each untrained network that has it."""
        return [row.value for row in self._untrained(metric, **sources)]

    def untrained_pairs(self) -> int:
        """On how many videos the untrained networks were measured; 0 without any."""
        return min((row.n for row in self._untrained("centroid_gap")), default=0)

    def _untrained(self, metric: str, **sources: str) -> list[MetricRow]:
        names = dict.fromkeys(row.encoder for row in self.rows)
        networks = [name for name in names if name.startswith(UNTRAINED) and "×" not in name]
        rows = (self.find(metric, encoder=name, **sources) for name in networks)
        return [row for row in rows if row]

    def crossed(self, metric: str, source: str) -> list[float]:
        """The metric between two untrained networks, one tower each: a gap without modalities."""
        return [
            row.value
            for row in self.rows
            if "×" in row.encoder
            and (row.video_source, row.text_source, row.metric) == (source, source, metric)
        ]


def number(value: float, digits: int = 3) -> str:
    """A number for people: a true minus, fewer decimals for larger values, none for counts."""
    if math.isnan(value):
        return "—"
    if value == round(value) and abs(value) > 1:
        digits = 0
    elif abs(value) >= 3:
        digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def with_interval(row: Bounded | None, *, missing: str = "—") -> str:
    """`0.851 [0.844, 0.858]`."""
    if row is None:
        return missing
    if row.ci_low is None or row.ci_high is None:
        return number(row.value)
    return f"{number(row.value)} [{number(row.ci_low)}, {number(row.ci_high)}]"


def mean_and_spread(values: Sequence[float]) -> str:
    """`1.01 ± 0.02`: mean and standard deviation over seeds."""
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return number(float(np.mean(values)), 2) + spread

"""How often the 95 % intervals cover, and how often the verdict is wrong.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [--repeats 1000] [--json]

Populations are simulated: `demo` and `clip` have cones and a gap as those have, `topics` twelve
topics, `none` cones without a gap. The truth is what 20,000 pairs of the population have. The
verdict is tried on gaps on either side of the smallest one of interest, and on pairs of which a
fifth have a near-copy.
"""

import argparse
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from common import report
from scipy.optimize import brentq

from gap_assets.gap.metric_rows import MetricPlan, MetricRow
from gap_assets.gap.metrics.copies import near_copies
from gap_assets.gap.metrics.moments import closed_form, u_statistics
from gap_assets.gap.metrics.pooling import Pooled, pooling
from gap_assets.gap.metrics.resampling import bootstrap_weights, interval, sign_flip_test
from gap_assets.gap.metrics.separability import d_prime
from gap_assets.gap.pairs import Pairs, unit_rows
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets.gap.reporting.verdict import gap_outcome
from gap_assets.gap.scorecard import Metric, summarise

PLAN = MetricPlan(encoder="simulated", bootstraps=400, permutations=199)
TRUTH = 20_000
BOUNDED = (
    "centroid_gap_debiased",
    "cone_video",
    "cone_text",
    "paired_cosine",
    "mismatched_cosine",
    "rmg",
    "mean_share",
    "pair_distance",
    "alignment",
    "d_prime_gap",
)
OF_POOLING = (
    "pooling_encoder",
    "pooling_video",
    "pooling_captions",
    "pooling_text",
    "temporal_icc",
    "caption_icc",
)
FRAMES = 6  # of each video, and captions
COPIES = 0.2
GAPS = (0.0, 0.05, 0.09, 0.1, 0.11, 0.15, 0.3)
VERDICT_SIZES = (3, 4, 5, 6, 12, 24, 100, 500)
LEAST_WITH_COPIES = 12


@dataclass(frozen=True, kw_only=True)
class Population:
    """Pairs of unit vectors around a common direction, with content that both share."""

    dimensions: int
    spread: tuple[float, float]  # of videos and of texts, around the common direction
    noise: float  # of each beside the shared content
    gap: float  # of the centroids before the rows are made unit vectors
    topics: int = 0

    def draw(self, n: int, rng: np.random.Generator) -> Pairs:
        """N pairs."""
        d = self.dimensions
        scale = np.arange(1, d + 1) ** -0.4
        scale /= np.linalg.norm(scale)
        content = rng.normal(size=(n, d)) * scale
        if self.topics:
            centres = np.random.default_rng(5).normal(size=(self.topics, d)) * scale
            content = 0.9 * centres[rng.integers(0, self.topics, n)] + 0.43 * content
        common, apart = 0.9 * np.eye(d)[0], self.gap / 2 * np.eye(d)[1]
        x, y = (
            unit_rows(
                common
                + sign * apart
                + spread * (content + self.noise * rng.normal(size=(n, d)) / np.sqrt(d))
            )
            for sign, spread in zip((1, -1), self.spread, strict=True)
        )
        return Pairs(x, y)


POPULATIONS = {
    "demo": Population(dimensions=64, spread=(0.55, 1.05), noise=0.5, gap=0.96),
    "clip": Population(dimensions=512, spread=(0.9, 0.95), noise=1.1, gap=1.6),
    "topics": Population(dimensions=64, spread=(0.8, 0.8), noise=0.5, gap=0.72, topics=12),
    "none": Population(dimensions=64, spread=(0.8, 0.8), noise=0.5, gap=0.0),
}


def true_gap(population: Population) -> float:
    """The debiased gap of many pairs."""
    pairs = population.draw(TRUTH, np.random.default_rng(99))
    found = u_statistics(pairs.video, pairs.text, weights=np.ones((1, TRUTH)))
    return float(np.sqrt(max(found.squared_gap[0], 0)))


@cache
def with_gap(gap: float) -> Population:
    """The population without a gap, given one of that size."""
    base = POPULATIONS["none"]

    def off(amount: float) -> float:
        return true_gap(replace(base, gap=amount)) - gap

    return replace(base, gap=float(brentq(off, 0.2 * gap, 3 * gap, xtol=1e-4))) if gap else base


class Coverage(NamedTuple):
    """Percent of repeats whose interval holds the truth, by metric, of those that have one."""

    population: str
    n: int
    percent: dict[str, float]


def coverage(name: str, n: int, *, repeats: int) -> Coverage:
    """Draws the population again and again, and counts."""
    population = POPULATIONS[name]
    rows = [
        _bounded(population.draw(n, np.random.default_rng(seed)), seed) for seed in range(repeats)
    ]
    truth = _exact(population)
    covered = {}
    for metric in BOUNDED:
        hits = [
            row.ci_low - 1e-9 <= truth[metric] <= row.ci_high + 1e-9
            for found in rows
            if (row := found[metric]).ci_low is not None and row.ci_high is not None
        ]
        if hits:
            covered[metric] = 100 * float(np.mean(hits))
    found = Coverage(name, n, covered)
    print(found, flush=True)
    return found


def pooling_coverage(name: str, n: int, *, repeats: int) -> Coverage:
    """The same of what pooling adds: each video has some frames and captions around its pair."""
    population = POPULATIONS[name]
    many = _pooled(population, 2 * TRUTH, np.random.default_rng(99))
    truth = pooling(many, weights=np.ones((1, 2 * TRUTH)))
    hits: dict[str, list[bool]] = {metric: [] for metric in OF_POOLING}
    for seed in range(repeats):
        given = _pooled(population, n, np.random.default_rng(seed))
        weights = bootstrap_weights(n, bootstraps=PLAN.bootstraps, seed=seed)
        for row in summarise(pooling(given, weights=weights), n=n, units=n):
            if row.ci_low is not None and row.ci_high is not None:
                hits[row.name].append(row.ci_low <= truth[row.name][0] <= row.ci_high)
    found = Coverage(
        name, n, {metric: 100 * float(np.mean(known)) for metric, known in hits.items()}
    )
    print(found, flush=True)
    return found


def _pooled(population: Population, n: int, rng: np.random.Generator) -> Pooled:
    pairs = population.draw(n, rng)
    frames, captions = (
        rows[:, None]
        + spread * rng.normal(size=(n, FRAMES, rows.shape[1])) / np.sqrt(rows.shape[1])
        for rows, spread in ((pairs.video, 0.4), (pairs.text, 0.6))
    )
    means = [
        (rows / np.linalg.norm(rows, axis=2, keepdims=True)).mean(axis=1)
        for rows in (frames, captions)
    ]
    return Pooled(
        frames=means[0],
        captions=means[1],
        video=unit_rows(means[0]),
        caption=unit_rows(means[1]),
        text=pairs.text,
        counts=np.full(n, float(FRAMES)),
    )


def _exact(population: Population) -> dict[str, float]:
    """What many pairs have, of the metrics in closed form and of d'."""
    pairs = population.draw(TRUTH, np.random.default_rng(99))
    weights = np.ones((1, TRUTH))
    found = closed_form(pairs.video, pairs.text, weights=weights)
    found["d_prime_gap"] = d_prime(pairs, weights=weights, seed=0)
    truth = {name: float(values[0]) for name, values in found.items()}
    if population.gap == 0:
        truth |= {"centroid_gap_debiased": 0.0, "mean_share": 0.0, "d_prime_gap": 0.0}
    return truth


def _bounded(pairs: Pairs, seed: int) -> dict[str, Metric]:
    """Those metrics of a scorecard that have intervals, made as it makes them."""
    n = len(pairs)
    weights = bootstrap_weights(n, bootstraps=PLAN.bootstraps, seed=seed)
    found = closed_form(pairs.video, pairs.text, weights=weights)
    found["d_prime_gap"] = d_prime(pairs, weights=weights, seed=seed)
    return {row.name: row for row in summarise(found, n=n, units=n)}


class Told(NamedTuple):
    """Percent of repeats with either verdict on the gap; the rest is undetermined."""

    gap: float
    n: int
    copies: bool
    present: float
    smaller: float


def verdicts(gap: float, n: int, *, repeats: int, copies: bool) -> Told:
    """Draws pairs with a gap of that size again and again, and asks for the verdict."""
    outcomes = []
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        pairs = with_gap(gap).draw(n, rng)
        outcomes.append(_outcome(_with_copies(pairs, rng) if copies else pairs, seed))
    share = 100 / repeats
    found = Told(
        gap, n, copies, share * outcomes.count("present"), share * outcomes.count("smaller")
    )
    print(found, flush=True)
    return found


def _with_copies(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """As many pairs, of which the last are near-copies of the first: a fifth have one."""
    few = max(1, round(COPIES * len(pairs) / (1 + COPIES)))
    noise = 0.05 * rng.normal(size=(2, few, pairs.video.shape[1])) / np.sqrt(pairs.video.shape[1])
    video, text = (
        unit_rows(np.concatenate([rows[:-few], rows[:few] + own]))
        for rows, own in zip((pairs.video, pairs.text), noise, strict=True)
    )
    return Pairs(video, text)


def _outcome(pairs: Pairs, seed: int) -> str:
    clusters = near_copies(pairs)
    units = int(clusters.max()) + 1
    weights = bootstrap_weights(units, bootstraps=PLAN.bootstraps, seed=seed)
    found = closed_form(pairs.video, pairs.text, weights=weights, clusters=clusters)
    value, *resampled = found["centroid_gap_debiased"]
    low, high = interval(float(value), np.array(resampled), units=units)
    test = sign_flip_test(pairs, permutations=PLAN.permutations, seed=seed, clusters=clusters)
    main = (PLAN.encoder, PLAN.video, PLAN.text)
    rows = [
        MetricRow(*main, "centroid_gap_debiased", float(value), low, high, len(pairs)),
        MetricRow(*main, "sign_flip_p_value", test.p_value, None, None, len(pairs)),
    ]
    return gap_outcome(Numbers(rows, PLAN))


def markdown(covered: list[Coverage], pooled: list[Coverage], told: list[Told]) -> str:
    """The tables as they stand in `README.md`."""
    return "\n\n".join([_covered(covered, BOUNDED), _covered(pooled, OF_POOLING), _told(told)])


def _covered(covered: list[Coverage], metrics: tuple[str, ...]) -> str:
    lines = ["| metric | " + " | ".join(f"{each.population}, {each.n}" for each in covered) + " |"]
    lines.append("|---" * (len(covered) + 1) + "|")
    for metric in metrics:
        cells = [
            f"{each.percent[metric]:.0f}" if metric in each.percent else "" for each in covered
        ]
        lines.append(f"| `{metric}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(told: list[Told]) -> str:
    sizes = sorted({(each.n, each.copies) for each in told})
    heads = [f"{n}{' with copies' if copies else ''}" for n, copies in sizes]
    lines = [f"| true gap | {' | '.join(heads)} |", "|---" * (len(sizes) + 1) + "|"]
    for gap in sorted({each.gap for each in told}):
        known = {(each.n, each.copies): each for each in told if each.gap == gap}
        cells = [f"{known[size].present:.0f} / {known[size].smaller:.0f}" for size in sizes]
        lines.append(f"| {gap:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 100, 500])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    covered = [
        coverage(name, n, repeats=asked.repeats) for name in POPULATIONS for n in asked.sizes
    ]
    pooled = [
        pooling_coverage(name, n, repeats=asked.repeats)
        for name in ("demo", "none")
        for n in asked.sizes
    ]
    told = [
        verdicts(gap, n, repeats=asked.repeats, copies=copies)
        for gap in GAPS
        for n in VERDICT_SIZES
        for copies in (False, True)
        if n >= LEAST_WITH_COPIES or not copies
    ]
    print(markdown(covered, pooled, told))
    there = [
        percent
        for each in (*covered, *pooled)
        if each.population != "none"
        for percent in each.percent.values()
    ]
    smallest = PLAN.smallest_gap
    report(
        "coverage of the intervals and errors of the verdict",
        figures={
            "repeats": asked.repeats,
            "least coverage": min(there),
            "most coverage": max(there),
            "wrongly present": max(each.present for each in told if each.gap < smallest),
            "wrongly smaller": max(each.smaller for each in told if each.gap >= smallest),
        },
        packages=("numpy", "scipy"),
        as_json=asked.json,
    )


if __name__ == "__main__":
    main()

"""Two warehouses side by side: another model, prompt, fusion or sampling on one page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gap_assets.gap.catalogue import Entry, scorecard_entries
from gap_assets.gap.files import write_atomically
from gap_assets.gap.pages import data_uri, render
from gap_assets.gap.sources import MetricRow, Plan
from gap_assets.gap.verdict import Numbers, number, verdict, with_interval

if TYPE_CHECKING:
    from pathlib import Path

KEY = {
    "gap": "centroid_gap_debiased",
    "cone of videos": "cone_video",
    "cone of texts": "cone_text",
    "paired cosine": "paired_cosine",
    "mismatched cosine": "mismatched_cosine",
    "RMG": "rmg",
    "R@1, text → video": "recall_at_1_text_to_video",
}


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two warehouses.

    Attributes:
        name: What to call it, such as its folder.
        facts: As for the report.
        plan: Its main pair of sources.
        rows: The content of its `gap_metrics`.
    """

    name: str
    facts: Mapping[str, str]
    plan: Plan
    rows: Sequence[MetricRow]


def write_comparison(first: Side, second: Side, path: Path) -> Path:
    """Writes one self-contained HTML page that puts two warehouses side by side."""
    from gap_assets.gap.figures.controls import intervals
    from gap_assets.gap.figures.style import PAIRED, TEXT, svg

    a, b = (Numbers(side.rows, side.plan) for side in (first, second))
    labels = (f"A: {first.name}", f"B: {second.name}")
    rows = {
        key: {
            label: row
            for label, side in zip(labels, (a, b), strict=True)
            if (row := side.find(name))
        }
        for key, name in KEY.items()
    }
    figure = intervals(
        {key: sides for key, sides in rows.items() if sides},
        colours=dict(zip(labels, (PAIRED, TEXT), strict=True)),
    )
    page = render(
        "comparison.html.j2",
        title=f"{first.name} and {second.name}",
        sides=[(labels[0], verdict(a)), (labels[1], verdict(b))],
        warnings=list(_warnings(a, b)),
        facts=list(_facts(first, second)),
        picture=data_uri(svg(figure), "image/svg+xml"),
        scorecard={
            section: [_line(entry, a, b) for entry in entries]
            for section, entries in scorecard_entries().items()
        },
    )
    return write_atomically(path, page)


def _warnings(a: Numbers, b: Numbers) -> Iterator[str]:
    sizes = [row.n for side in (a, b) if (row := side.find("centroid_gap"))]
    if len(set(sizes)) > 1:
        yield (
            f"A has {sizes[0]} videos and B {sizes[1]}: recall, ranks, spectra and IsoScore depend "
            "on the number of videos and cannot be compared here; gap, cones and cosines can."
        )


def _facts(first: Side, second: Side) -> Iterator[tuple[str, str, str]]:
    """What was measured; what differs comes first."""
    names = list(dict.fromkeys([*first.facts, *second.facts]))
    names.sort(key=lambda name: first.facts.get(name) == second.facts.get(name))
    for name in names:
        yield name, first.facts.get(name, "—"), second.facts.get(name, "—")


def _line(entry: Entry, a: Numbers, b: Numbers) -> dict[str, str | bool]:
    rows = [side.find(entry.name) for side in (a, b)]
    values = [row.value if row else math.nan for row in rows]
    bounds = [(row.ci_low, row.ci_high) for row in rows if row]
    known = [(low, high) for low, high in bounds if low is not None and high is not None]
    return {
        "label": entry.label,
        "note": entry.note,
        "a": with_interval(rows[0]) if rows[0] else "—",
        "b": with_interval(rows[1]) if rows[1] else "—",
        "difference": ("+" if values[1] > values[0] else "") + number(values[1] - values[0]),
        "apart": len(known) == 2 and max(known)[0] > min(known)[1],
    }

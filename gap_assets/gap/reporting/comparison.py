"""Two reports side by side: another model, prompt, fusion or sampling on one page."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gap_assets.files import write_atomically
from gap_assets.gap.metric_rows import MetricPlan, MetricRow
from gap_assets.gap.reporting.numbers import Numbers, number, with_interval
from gap_assets.gap.reporting.pages import data_uri, render_page, words

KEY = {
    "gap": "centroid_gap_debiased",
    "cone of videos": "cone_video",
    "cone of texts": "cone_text",
    "paired cosine": "paired_cosine",
    "mismatched cosine": "mismatched_cosine",
    "RMG": "rmg",
    "R@1, text → video": "recall_at_1_text_to_video",
}


def compare_reports(first: Path, second: Path, *, into: Path) -> Path:
    """Writes one self-contained HTML page that puts two reports side by side.

    Args:
        first: A `report.json`, in the folder `report` of a data folder.
        second: Another one.
        into: The folder for the page.
    """
    from gap_assets.gap.reporting.figures.controls import intervals
    from gap_assets.gap.reporting.figures.style import PAIRED, TEXT, svg

    names = [path.parent.parent.name for path in (first, second)]
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in (first, second)]
    a, b = (
        Numbers([MetricRow(**row) for row in content["metrics"]], MetricPlan(**content["plan"]))
        for content in contents
    )
    labels = [f"{letter}: {name}" for letter, name in zip("AB", names, strict=True)]
    key = {
        title: dict(zip(labels, (a.find(name), b.find(name)), strict=True))
        for title, name in KEY.items()
    }
    figure = intervals(key, colours=dict(zip(labels, (PAIRED, TEXT), strict=True)))
    page = render_page(
        "comparison.html.j2",
        title=" and ".join(names),
        sides=[(label, c["verdict"]) for label, c in zip(labels, contents, strict=True)],
        warnings=[*_withheld(dict(zip("AB", contents, strict=True))), *_warnings(a, b)],
        facts=list(_facts(*(content["facts"] for content in contents))),
        picture=data_uri(svg(figure), "image/svg+xml"),
        scorecard={
            section: [_line(name, entry, a, b) for name, entry in entries.items()]
            for section, entries in words("scorecard").items()
        },
    )
    return write_atomically(into / "comparison.html", page)


def _withheld(contents: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for letter, content in contents.items():
        if reason := content.get("withheld"):
            yield f"{letter} has no verdict: {reason}"


def _warnings(a: Numbers, b: Numbers) -> Iterator[str]:
    sizes = [row.n for side in (a, b) if (row := side.find("centroid_gap"))]
    if len(set(sizes)) > 1:
        yield (
            f"A has {sizes[0]} videos and B {sizes[1]}: recall, ranks, spectra and IsoScore depend "
            "on the number of videos and cannot be compared here; gap, cones and cosines can."
        )


def _facts(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What was measured; what differs comes first."""
    for name in sorted({**first, **second}, key=lambda name: first.get(name) == second.get(name)):
        yield name, first.get(name, "—"), second.get(name, "—")


def _line(name: str, entry: Mapping[str, str], a: Numbers, b: Numbers) -> dict[str, Any]:
    one, other = a.find(name), b.find(name)
    difference = other.value - one.value if one and other else math.nan
    known = [
        (row.ci_low, row.ci_high)
        for row in (one, other)
        if row and row.ci_low is not None and row.ci_high is not None
    ]
    return {
        **entry,
        "a": with_interval(one),
        "b": with_interval(other),
        "difference": ("+" if difference > 0 else "") + number(difference),
        "apart": len(known) == 2 and max(known)[0] > min(known)[1],
    }

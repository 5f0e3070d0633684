"""The gap report: one self-contained HTML page, its numbers as JSON, and a small preview picture.

Nothing is decided here: numbers come from `gap_metrics` rows, sentences from `verdict`, figures
from `exhibits`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gap_assets.gap.analysis import Analysis, analyse
from gap_assets.gap.catalogue import Entry, scorecard_entries
from gap_assets.gap.exhibits import exhibits
from gap_assets.gap.files import write_atomically
from gap_assets.gap.inputs import check_pairs
from gap_assets.gap.pages import data_uri, render
from gap_assets.gap.projections import ProjectionModel
from gap_assets.gap.sources import MetricRow, Plan, Sources
from gap_assets.gap.verdict import (
    Numbers,
    mean_and_spread,
    number,
    readings,
    verdict,
    with_interval,
)

if TYPE_CHECKING:
    from pathlib import Path

GALLERY = 3


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """Everything on the page.

    Attributes:
        title: Heading.
        facts: What was measured: data set, profile, model tags, settings; in this order.
        video_ids: N names, in the order of the sources' rows.
        sources: The trained network's embeddings, rows as `video_ids`.
        plan: The main pair, as given to `metric_rows`.
        rows: The content of `gap_metrics`.
        projections: The fitted model.
        texts: Text source to video to its text, for the gallery.
        thumbnail: A video's picture as JPEG, or None.
        warnings: What a reader must know first (such as a network that does not know these videos).
    """

    title: str
    facts: Mapping[str, str]
    video_ids: Sequence[str]
    sources: Sources
    plan: Plan
    rows: Sequence[MetricRow]
    projections: ProjectionModel
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    thumbnail: Callable[[str], bytes | None] = lambda _: None
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class ReportFiles:
    """Where the report lies."""

    html: Path
    json: Path
    preview_png: Path


def write_report(inputs: ReportInputs, directory: Path) -> ReportFiles:
    """Writes `report.html`, `report.json` and `preview.png`.

    Raises:
        GapInputError: The main pair of sources cannot be measured.
    """
    from gap_assets.gap.figures.preview import preview

    plan = inputs.plan
    video, text = inputs.sources.videos[plan.video], inputs.sources.texts[plan.text]
    present = ~(np.isnan(video).all(axis=1) | np.isnan(text).all(axis=1))
    analysis = analyse(check_pairs(video[present], text[present]), seed=plan.seed)
    numbers = Numbers(inputs.rows, plan)
    warnings = [*inputs.warnings, *analysis.pairs.warnings, *_small(analysis)]
    facts = {**inputs.facts, **_settings(plan, analysis)}
    html = render(
        "report.html.j2",
        title=inputs.title,
        verdict=verdict(numbers),
        readings=readings(numbers),
        facts=facts,
        warnings=warnings,
        scorecard=dict(_scorecard(numbers, len(analysis.pairs))),
        n=len(analysis.pairs),
        seeds=len(numbers.untrained("centroid_gap")),
        exhibits=list(exhibits(analysis, numbers, inputs.projections, inputs.sources)),
        gallery=_gallery(inputs, analysis, np.array(inputs.video_ids)[present]),
        everything=[(row.metric, with_interval(row), row.n) for row in numbers.main()],
    )
    content = {
        "title": inputs.title,
        "verdict": verdict(numbers),
        "readings": readings(numbers),
        "facts": facts,
        "warnings": warnings,
        "plan": asdict(plan),
        "metrics": [asdict(row) for row in inputs.rows],
    }
    points = inputs.projections.place(analysis.pairs.video, analysis.pairs.text)
    picture = preview(points, gap=numbers.value("centroid_gap"))
    return ReportFiles(
        html=write_atomically(directory / "report.html", html),
        json=write_atomically(
            directory / "report.json", json.dumps(content, indent=1, ensure_ascii=False).encode()
        ),
        preview_png=write_atomically(directory / "preview.png", picture),
    )


def _settings(plan: Plan, analysis: Analysis) -> dict[str, str]:
    n, dimensions = analysis.pairs.video.shape
    return {
        "Main pair": f"{n} videos ({plan.video}) with texts ({plan.text})",
        "Dimensions": str(dimensions),
        "Temperature": f"1/τ = {plan.logit_scale:g}",
        "Resampling": f"{plan.bootstraps} bootstraps, {plan.permutations} flips, seed {plan.seed}",
    }


def _small(analysis: Analysis) -> Iterator[str]:
    n, dimensions = analysis.pairs.video.shape
    if n < 100:
        yield (
            f"{n} videos are few: read the intervals, not the digits, and expect d′, spectra and "
            f"retrieval to change with more videos."
        )
    elif n < 2 * dimensions:
        yield (
            f"{n} videos in {dimensions} dimensions: spectra (directions used, IsoScore, overlap) "
            "are biased; compare them at equal N only."
        )


def _scorecard(numbers: Numbers, n: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for section, entries in scorecard_entries().items():
        yield section, [_line(entry, numbers, n) for entry in entries]


def _line(entry: Entry, numbers: Numbers, n: int) -> dict[str, str]:
    row = numbers.find(entry.name)
    null = entry.null or entry.chance_rank / n
    null = numbers.value(null) if isinstance(null, str) else null
    return {
        "label": entry.label,
        "name": entry.name,
        "note": entry.note,
        "value": with_interval(row) if row else "needs more videos",
        "untrained": mean_and_spread(numbers.untrained(entry.name)),
        "null": number(null) if null else "",
        "paper": entry.paper,
    }


def _gallery(inputs: ReportInputs, analysis: Analysis, video_ids: Any) -> list[dict[str, Any]]:
    """The pairs with the largest and the smallest cosine."""
    paired = analysis.comparisons.paired
    order = np.argsort(-paired, kind="stable")
    count = min(GALLERY, len(order) // 2)
    groups = (("Closest pairs", order[:count]), ("Farthest pairs", order[::-1][:count]))
    return [
        {"heading": heading, "cards": [_card(inputs, str(video_ids[i]), paired[i]) for i in rows]}
        for heading, rows in groups
    ]


def _card(inputs: ReportInputs, video_id: str, cosine: float) -> dict[str, Any]:
    picture = inputs.thumbnail(video_id)
    return {
        "video_id": video_id,
        "cosine": number(float(cosine)),
        "picture": data_uri(picture, "image/jpeg") if picture else None,
        "texts": [
            (source, texts[video_id]) for source, texts in inputs.texts.items() if video_id in texts
        ],
    }

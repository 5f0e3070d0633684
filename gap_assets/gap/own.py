"""The whole report for anyone's paired embeddings, without a warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gap_assets.gap.metric_rows import MetricPlan, SourceVectors, metric_rows
from gap_assets.gap.pairs import AnyFloats, check_pairs
from gap_assets.gap.projections import fit_projections
from gap_assets.gap.reporting.files import RenderedReport, ReportFiles
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets.gap.reporting.report import ReportInputs, render_report
from gap_assets.gap.reporting.verdict import Outcome
from gap_assets.gap.scorecard import Metric
from gap_assets.inline import InlinePage

TITLE = "Modality gap and cone effect of paired embeddings"
GIVEN = "given embeddings"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `report` found; a notebook shows it as a page, a terminal as its verdict.

    Attributes:
        verdict: Whether gap and cones are there, in words, with the numbers that it rests on.
        outcomes: `gap`, `cone_video` and `cone_text`: present, smaller or undetermined.
        metrics: All numbers by name, with their 95 % intervals; the page defines each.
        rendered: Page, numbers as JSON, preview and figures, as bytes.
    """

    verdict: str
    outcomes: Mapping[str, Outcome]
    metrics: Mapping[str, Metric] = field(repr=False)
    rendered: RenderedReport = field(repr=False)

    def save(self, directory: Path | str) -> ReportFiles:
        """Writes `report.html`, `report.json`, `preview.png` and `figures` into a folder.

        Raises:
            DiskFullError: If there is no space left.
        """
        return self.rendered.write(Path(directory))

    def inline(self, *, height: int = 800) -> InlinePage:
        """The page for a notebook's cell, in a frame of so many pixels."""
        content = self.rendered.html.decode()
        return InlinePage(page=None, height=height, title="Gap report", content=content)

    def _repr_html_(self) -> str:
        return self.inline()._repr_html_()


def report(video: AnyFloats, text: AnyFloats, *, seed: int = 0) -> Report:
    """The report of N paired embeddings: verdict, numbers with definitions, figures and page.

    Untrained networks, pooling, events and texts are left out: they need more than embeddings.

    Args:
        video: (N, D) rows of any length but 0.
        text: (N, D) row i is the text of video i.
        seed: Of all that is random.

    Raises:
        GapInputError: See `check_pairs`.
    """
    pairs = check_pairs(video, text)
    plan = MetricPlan(encoder=GIVEN, video="video", text="text", seed=seed)
    sources = SourceVectors(videos={"video": pairs.video}, texts={"text": pairs.text})
    rows = list(metric_rows(sources, plan))
    inputs = ReportInputs(
        title=TITLE,
        facts={"Encoder": "not known: embeddings were given"},
        video_ids=[f"row {row}" for row in range(len(pairs))],
        sources=sources,
        plan=plan,
        rows=rows,
        projections=fit_projections(pairs.video, pairs.text, seed=seed),
    )
    rendered = render_report(inputs)
    found = Numbers(rows, plan).main()
    return Report(
        verdict=rendered.verdict.text,
        outcomes=rendered.verdict.outcomes,
        metrics={
            row.metric: Metric(row.metric, row.value, row.ci_low, row.ci_high, row.n)
            for row in found
        },
        rendered=rendered,
    )

"""The whole report for anyone's paired embeddings, without a warehouse."""

from pathlib import Path

from gap_assets.gap.metric_rows import MetricPlan, SourceVectors, metric_rows
from gap_assets.gap.pairs import AnyFloats, check_pairs
from gap_assets.gap.projections import fit_projections
from gap_assets.gap.report.report import ReportFiles, ReportInputs, write_report

TITLE = "Modality gap and cone effect of paired embeddings"
GIVEN = "given embeddings"


def report_of_embeddings(
    video: AnyFloats, text: AnyFloats, *, directory: Path, seed: int = 0
) -> ReportFiles:
    """Writes verdict, numbers with definitions, figures and page, as a run does.

    Untrained networks, pooling, events and texts are left out: they need more than embeddings.

    Args:
        video: (N, D) rows of any length but 0.
        text: (N, D) row i is the text of video i.
        directory: The folder for `report.html`, `report.json`, `preview.png` and `figures`.
        seed: Of all that is random.

    Raises:
        GapInputError: See `check_pairs`.
    """
    pairs = check_pairs(video, text)
    plan = MetricPlan(encoder=GIVEN, video="video", text="text", seed=seed)
    sources = SourceVectors(videos={"video": pairs.video}, texts={"text": pairs.text})
    inputs = ReportInputs(
        title=TITLE,
        facts={"Encoder": "not known: embeddings were given"},
        video_ids=[f"row {row}" for row in range(len(pairs))],
        sources=sources,
        plan=plan,
        rows=list(metric_rows(sources, plan)),
        projections=fit_projections(pairs.video, pairs.text, seed=seed),
    )
    return write_report(inputs, directory)

"""The gap report: one self-contained HTML page, its numbers as JSON, and a small preview picture.

Nothing is decided here: numbers come from `gap_metrics` rows, sentences from `verdict`, figures
from `exhibits`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.cones import ConeRow
from gap_assets.gap.filtering import FilteredCaptions, filter_section
from gap_assets.gap.metric_rows import MetricPlan, MetricRow, SourceVectors, both_present
from gap_assets.gap.metrics.pairwise import compare_all
from gap_assets.gap.metrics.spectra import shapes
from gap_assets.gap.pairs import MIN_PAIRS, Pairs, check_pairs
from gap_assets.gap.pooled import PooledRow
from gap_assets.gap.projections import ProjectionModel
from gap_assets.gap.reporting import causes, cone, encoders, pooled
from gap_assets.gap.reporting.events import EventsShown, event_section
from gap_assets.gap.reporting.files import RenderedReport, ReportFiles
from gap_assets.gap.reporting.numbers import Numbers, mean_and_spread, number, with_interval
from gap_assets.gap.reporting.pages import data_uri, definition, render_page, words
from gap_assets.gap.reporting.readings import readings
from gap_assets.gap.reporting.verdict import verdict
from gap_assets.gap.summaries import MarkedSummary, section
from gap_assets.profiles import Profile
from gap_assets.version import VERSION

if TYPE_CHECKING:
    from gap_assets.gap.reporting.figures.style import Material

GALLERY = 3
GLANCE = "Ten numbers"


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
        withheld: Why there is no verdict whatever the numbers are, and what to do; one sentence.
        untrained: The main sources by an untrained network, for the pictures; None without one.
        profile: That the network belongs to; None for another one.
        summaries: The language model's, with how far they can be trusted; the section is left out
            without any.
        filtered: What the caption filter kept; the section is left out without it.
        events: Sentences that have times; the section is left out without any.
        cones: The content of `cone_profile`; the section is left out without it.
        pooled: The content of `pooling_profile`; the section is left out without it.
    """

    title: str
    facts: Mapping[str, str]
    video_ids: Sequence[str]
    sources: SourceVectors
    plan: MetricPlan
    rows: Sequence[MetricRow]
    projections: ProjectionModel
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    thumbnail: Callable[[str], bytes | None] = lambda _: None
    warnings: Sequence[str] = ()
    withheld: str | None = None
    untrained: SourceVectors | None = None
    profile: Profile | None = None
    summaries: Sequence[MarkedSummary] = ()
    filtered: FilteredCaptions | None = None
    events: EventsShown | None = None
    cones: Sequence[ConeRow] = ()
    pooled: Sequence[PooledRow] = ()


def write_report(inputs: ReportInputs, directory: Path) -> ReportFiles:
    """Makes the report and writes it; see `RenderedReport.write`.

    Raises:
        GapInputError: The main pair of sources cannot be measured.
    """
    return render_report(inputs).write(directory)


def render_report(inputs: ReportInputs) -> RenderedReport:
    """Makes the report: page, numbers, preview and figures.

    Raises:
        GapInputError: The main pair of sources cannot be measured.
    """
    from gap_assets.gap.reporting.figures import exhibits
    from gap_assets.gap.reporting.figures.clouds import preview_picture

    plan, numbers = inputs.plan, Numbers(inputs.rows, inputs.plan)
    given, present = material(inputs, numbers)
    pairs, found = given.pairs, verdict(numbers, withheld=inputs.withheld)
    said = {
        "title": inputs.title,
        "verdict": found.text,
        "readings": readings(numbers) if inputs.withheld is None else [],
        "facts": {**inputs.facts, **_settings(plan, pairs)},
        "warnings": [*inputs.warnings, *pairs.warnings, *_small(pairs)],
    }
    lines = {
        section: [_line(name, entry, numbers, len(pairs)) for name, entry in entries.items()]
        for section, entries in words("scorecard").items()
    }
    drawn = exhibits(given)
    sections = _sections(inputs, numbers, dimension=pairs.video.shape[1])
    html = render_page(
        "report.html.j2",
        **said,
        sentences=found.sentences,
        glance=lines.pop(GLANCE),
        scorecard=lines,
        n=len(pairs),
        seeds=len(numbers.untrained("centroid_gap")),
        untrained_n=numbers.untrained_pairs(),
        exhibits=drawn,
        gallery=_gallery(inputs, np.flatnonzero(present), given.comparisons.paired),
        filtered=filter_section(inputs.filtered),
        **sections,
        fine_tuned=inputs.profile is not None and inputs.profile.before_captions is not None,
        everything=[
            (row.metric, with_interval(row), row.n, definition(row.metric))
            for row in numbers.main()
        ],
        version=VERSION,
    )
    content = {
        **said,
        "outcomes": found.outcomes,
        "withheld": inputs.withheld,
        "plan": asdict(plan),
        "metrics": [asdict(row) for row in inputs.rows],
    }
    shown = [*drawn, *(each for found in sections.values() if found for each in _drawn(found))]
    return RenderedReport(
        verdict=found,
        html=html,
        json=json.dumps(content, indent=1, ensure_ascii=False).encode(),
        preview_png=preview_picture(given),
        figures={name: data for each in shown for name, data in each["files"].items()},
    )


def _sections(
    inputs: ReportInputs, numbers: Numbers, *, dimension: int
) -> dict[str, dict[str, Any] | None]:
    """What the template reads of the sections that follow the numbered figures; None without."""
    return {
        "causes": causes.section(numbers.value("centroid_gap_debiased"), inputs.profile),
        "cone": cone.section(inputs.cones, encoder=inputs.plan.encoder, dimension=dimension),
        "pooled": pooled.section(inputs.pooled),
        "encoders": encoders.section(numbers),
        "events": event_section(inputs.events),
        "summaries": section(inputs.summaries),
    }


def _drawn(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The exhibits of a section, which has one, several, or strips beside it."""
    yield from found.get("exhibits", ())
    for name in ("exhibit", "strips"):
        if name in found:
            yield found[name]


def material(inputs: ReportInputs, numbers: Numbers) -> "tuple[Material, NDArray[np.bool_]]":
    """What the figures are drawn from, and (N,) which videos have the main pair."""
    from gap_assets.gap.reporting.figures.style import Material

    plan = inputs.plan
    video, text = inputs.sources.videos[plan.video], inputs.sources.texts[plan.text]
    present = both_present(video, text)
    pairs = check_pairs(video[present], text[present])
    given = Material(
        pairs=pairs,
        comparisons=compare_all(pairs),
        shapes=shapes(pairs),
        numbers=numbers,
        projections=inputs.projections,
        points=inputs.projections.place(pairs.video, pairs.text),
        sources=inputs.sources,
        untrained=_untrained_pairs(inputs),
    )
    return given, present


def _untrained_pairs(inputs: ReportInputs) -> Pairs | None:
    plan, control = inputs.plan, inputs.untrained
    if control is None or plan.text not in control.texts or plan.video not in control.videos:
        return None
    video, text = control.videos[plan.video], control.texts[plan.text]
    present = both_present(video, text)
    return check_pairs(video[present], text[present]) if present.sum() >= MIN_PAIRS else None


def _settings(plan: MetricPlan, pairs: Pairs) -> dict[str, str]:
    n, dimensions = pairs.video.shape
    return {
        "Main pair": f"{n} videos ({plan.video}) with texts ({plan.text})",
        "Dimensions": str(dimensions),
        "Temperature": f"1/τ = {plan.logit_scale:g}",
        "Resampling": f"{plan.bootstraps} bootstraps, {plan.permutations} flips, seed {plan.seed}",
    }


def _small(pairs: Pairs) -> Iterator[str]:
    n, dimensions = pairs.video.shape
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


def _line(name: str, entry: Mapping[str, Any], numbers: Numbers, n: int) -> dict[str, Any]:
    """A row of the scorecard; without an effect it would be a number, a metric, or k / N."""
    null = entry.get("null")
    if "chance_rank" in entry:
        null = entry["chance_rank"] / n
    if isinstance(null, str):
        null = numbers.value(null)
    return {
        **entry,
        "value": with_interval(numbers.find(name), missing="needs more videos"),
        "untrained": mean_and_spread(numbers.untrained(name)),
        "null": number(null) if null is not None else "",
        "null_is": entry.get("null_is", "guessing" if "chance_rank" in entry else ""),
        "definition": definition(name),
    }


def _gallery(inputs: ReportInputs, rows: Any, paired: Any) -> dict[str, list[dict[str, Any]]]:
    """The pairs with the largest and the smallest cosine (N,); `rows` are theirs in the inputs."""

    def card(pair: int) -> dict[str, Any]:
        video = inputs.video_ids[rows[pair]]
        picture = inputs.thumbnail(video)
        return {
            "video_id": video,
            "cosine": number(float(paired[pair])),
            "picture": data_uri(picture, "image/jpeg") if picture else None,
            "texts": {source: of[video] for source, of in inputs.texts.items() if video in of},
        }

    order = np.argsort(-paired, kind="stable")
    count = min(GALLERY, len(order) // 2)
    return {
        "Closest pairs": [card(pair) for pair in order[:count]],
        "Farthest pairs": [card(pair) for pair in order[::-1][:count]],
    }

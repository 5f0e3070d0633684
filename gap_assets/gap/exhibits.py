"""The report's numbered figures: which pictures, in which order, with which numbers in the words.

The words are in `templates/figures.toml`. A figure whose data are missing (no untrained networks,
fewer than 8 videos) is left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gap_assets.gap.figures import clouds, controls, structure
from gap_assets.gap.figures.style import ACCENT, MISMATCHED, PAIRED, PANEL, TEXT, VIDEO, svg
from gap_assets.gap.interventions import LOSS_BATCH, intervene, loss_landscape
from gap_assets.gap.pages import data_uri
from gap_assets.gap.projections import fit_umap
from gap_assets.gap.sources import FRAMES, NOISE, MetricRow, inverse_temperatures
from gap_assets.gap.verdict import mean_and_spread, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gap_assets.gap.analysis import Analysis
    from gap_assets.gap.projections import ProjectionModel
    from gap_assets.gap.sources import Sources
    from gap_assets.gap.verdict import Numbers

STABILITY_PAIRS = 1000


@dataclass(frozen=True)
class Exhibit:
    """A figure: title, caption, and for each panel its alternative text and data URI.

    `wide`: too wide to be legible at the width of a phone.
    """

    title: str
    caption: str
    panels: tuple[tuple[str, str], ...]
    wide: bool


@cache
def _words() -> dict[str, dict[str, str]]:
    path = Path(__file__).parent / "templates" / "figures.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _exhibit(key: str, panels: Mapping[str, Figure], **numbers: object) -> Exhibit:
    images = tuple((alt, data_uri(svg(panel), "image/svg+xml")) for alt, panel in panels.items())
    words = _words()[key]
    wide = any(panel.get_figwidth() > PANEL[0] for panel in panels.values())
    return Exhibit(words["title"], words["caption"].format(**numbers), images, wide)


def exhibits(
    analysis: Analysis, numbers: Numbers, projections: ProjectionModel, sources: Sources
) -> Iterator[Exhibit]:
    """All figures in the order of the page.

    Args:
        analysis: Of the main pair of sources.
        numbers: The rows of `gap_metrics`.
        projections: Fitted on these or earlier videos.
        sources: The trained network's embeddings.
    """
    yield from _projections(analysis, numbers, projections)
    yield _histograms(analysis, numbers)
    yield from _matrix(numbers, sources)
    yield from _ladder(numbers, sources)
    yield from _untrained(numbers)
    yield _landscape(analysis, numbers)
    yield from _interventions(analysis, numbers)
    yield _dimensions(analysis, numbers)
    yield from _pooling(numbers, sources)
    yield _retrieval(analysis)
    yield _stability(analysis, projections)


def _projections(
    analysis: Analysis, numbers: Numbers, projections: ProjectionModel
) -> Iterator[Exhibit]:
    points = projections.place(analysis.pairs.video, analysis.pairs.text)
    umap = clouds.pair_plot(points["umap"], title="UMAP")
    svd = clouds.pair_plot(
        points["svd"], title="SVD", axis_names=("first direction", "second direction")
    )
    yield _exhibit(
        "projections",
        {"UMAP of videos and texts": umap, "SVD of videos and texts": svd},
        components=projections.graph_components,
        cross_share=f"{projections.cross_modal_edge_share:.1%}",
    )
    gap = numbers.value("centroid_gap")
    yield _exhibit(
        "gap_axis",
        {"Projection on the gap": clouds.gap_axis_plot(points["gap_axis"], gap=gap)},
        gap=number(gap),
        d_prime=number(numbers.value("d_prime_gap"), 1),
    )


def _histograms(analysis: Analysis, numbers: Numbers) -> Exhibit:
    names = ("cone_video", "cone_text", "mismatched_cosine", "paired_cosine")
    means = {name: numbers.value(name) for name in names}
    gap = numbers.value("centroid_gap_debiased")
    return _exhibit(
        "histograms",
        {"Histograms of cosines": clouds.cosine_histograms(analysis.comparisons, means=means)},
        cone_video=number(means["cone_video"]),
        cone_text=number(means["cone_text"]),
        mismatched=number(means["mismatched_cosine"]),
        squared=number(gap**2),
        gap=number(gap),
    )


def _matrix(numbers: Numbers, sources: Sources) -> Iterator[Exhibit]:
    videos, texts = list(sources.videos), list(sources.texts)
    if any(numbers.find("centroid_gap", video=FRAMES, text=text) for text in texts):
        videos.append(FRAMES)
    names = videos + texts
    gaps = np.full((len(names), len(names)), np.nan)
    for (i, first), (j, second) in product(enumerate(names), repeat=2):
        row = numbers.find("centroid_gap_debiased", video=first, text=second)
        if row:
            gaps[i, j] = gaps[j, i] = row.value
    if len(names) > 2:
        matrix = controls.source_matrix(names, gaps, videos=len(videos))
        yield _exhibit("matrix", {"Matrix of gaps between sources": matrix})


def _ladder(numbers: Numbers, sources: Sources) -> Iterator[Exhibit]:
    series = {
        "gap": ("centroid_gap_debiased", PAIRED),
        "cone of texts": ("cone_text", TEXT),
        "paired cosine": ("paired_cosine", ACCENT),
        "R@1, text → video": ("recall_at_1_text_to_video", MISMATCHED),
    }
    groups = {
        text: {label: numbers.find(name, text=text) for label, (name, _) in series.items()}
        for text in sources.texts
    }
    if len(groups) > 1:
        figure = _ranges(groups, {label: colour for label, (_, colour) in series.items()})
        yield _exhibit("ladder", {"Text sources compared": figure})


def _ranges(
    groups: Mapping[str, Mapping[str, MetricRow | None]], colours: Mapping[str, str]
) -> Figure:
    known = {
        group: {label: row for label, row in rows.items() if row} for group, rows in groups.items()
    }
    return controls.intervals({g: rows for g, rows in known.items() if rows}, colours=colours)


def _untrained(numbers: Numbers) -> Iterator[Exhibit]:
    plan = numbers.plan
    labels = {
        "gap": "centroid_gap_debiased",
        "cone of videos": "cone_video",
        "cone of texts": "cone_text",
        "paired cosine": "paired_cosine",
    }
    untrained = {label: numbers.untrained(name) for label, name in labels.items()} | {
        "cone of noise pictures": numbers.untrained("cone_video", video=NOISE, text=NOISE),
        "gap between two seeds, videos": numbers.crossed("centroid_gap_debiased", plan.video),
        "gap between two seeds, texts": numbers.crossed("centroid_gap_debiased", plan.text),
    }
    if not untrained["gap"]:
        return
    trained = {label: numbers.value(name) for label, name in labels.items()}
    known = {label: values for label, values in untrained.items() if values}
    yield _exhibit(
        "untrained",
        {"Untrained and trained networks": controls.untrained_networks(trained, known)},
        seeds=len(untrained["gap"]),
        before=mean_and_spread(untrained["gap"]),
        after=number(trained["gap"], 2),
    )


def _landscape(analysis: Analysis, numbers: Numbers) -> Exhibit:
    scales = inverse_temperatures(numbers.plan.logit_scale)
    landscape = loss_landscape(analysis.pairs, inverse_temperatures=scales)
    best = float(landscape.gaps[landscape.losses[0].argmin()])
    return _exhibit(
        "landscape",
        {"Loss over gap": structure.loss_curves(landscape)},
        scale=f"{scales[0]:g}",
        best=number(best, 2),
        batch=min(LOSS_BATCH, len(analysis.pairs)),
    )


def _interventions(analysis: Analysis, numbers: Numbers) -> Iterator[Exhibit]:
    outcomes = intervene(analysis.pairs, seed=numbers.plan.seed)
    if outcomes:
        panels = {
            "Shift and centring": structure.shifting(outcomes),
            "Dropped dimensions": structure.dropping(outcomes),
        }
        yield _exhibit("interventions", panels, n=outcomes[0].n)


def _dimensions(analysis: Analysis, numbers: Numbers) -> Exhibit:
    shape, n = analysis.shapes, len(analysis.pairs)
    values = {
        "video": shape.video.values,
        "text": shape.text.values,
        "video − text": shape.residual.values,
    }
    return _exhibit(
        "dimensions",
        {
            "Share of the gap by dimension": structure.gap_dimensions(shape.gap),
            "Variance by direction": structure.spectra(values),
        },
        half=number(numbers.value("gap_dimensions_50")),
        dimensions=len(shape.gap),
        n=n,
        span=n - 1,
        overlap=number(numbers.value("subspace_overlap"), 2),
        chance=number(numbers.value("subspace_overlap_chance"), 2),
    )


def _pooling(numbers: Numbers, sources: Sources) -> Iterator[Exhibit]:
    series = {
        "gap": ("centroid_gap_debiased", PAIRED),
        "cone of videos": ("cone_video", VIDEO),
        "paired cosine": ("paired_cosine", ACCENT),
    }
    groups = {
        source: {label: numbers.find(name, video=source) for label, (name, _) in series.items()}
        for source in (FRAMES, *sources.videos)
    }
    norms = np.linalg.norm(sources.videos[numbers.plan.video], axis=1)
    norms = norms[np.isfinite(norms)]
    if len(sources.videos) > 1 or float(np.ptp(norms)) > 1e-3:
        panels = {
            "Fusions compared": _ranges(groups, {label: c for label, (_, c) in series.items()}),
            "Lengths of mean embeddings": controls.norm_histogram(norms),
        }
        yield _exhibit("pooling", panels, length=number(float((norms**2).mean()), 2))


def _retrieval(analysis: Analysis) -> Exhibit:
    passes = analysis.comparisons
    mixed_video = passes.video.closer + passes.video_to_text.closer + 1
    k = passes.video.nearest.shape[1]
    ranks = {
        "video → text": passes.video_to_text.closer + 1,
        "text → video": passes.text_to_video.closer + 1,
        "video → text, mixed": mixed_video,
        "text → video, mixed": passes.text.closer + passes.text_to_video.closer + 1,
    }
    hubs = {
        "texts": passes.video_to_text.occurrences,
        "videos": passes.text_to_video.occurrences,
    }
    return _exhibit(
        "retrieval",
        {
            "Recall curves": structure.recall_curves(ranks),
            "Hubs": structure.hub_histogram(hubs, k=k),
        },
        median=number(float(np.median(mixed_video))),
        size=2 * len(mixed_video) - 1,
        k=k,
    )


def _stability(analysis: Analysis, projections: ProjectionModel) -> Exhibit:
    n = len(analysis.pairs)
    pairs = analysis.pairs.take(np.linspace(0, n - 1, min(n, STABILITY_PAIRS)).astype(np.intp))
    rows = np.concatenate([pairs.video, pairs.text])
    most = len(rows) - 1
    neighbours = sorted({min(projections.neighbors, most), min(projections.neighbors * 3, most)})
    layouts = [
        (seed, k, fit_umap(rows, seed=seed, neighbors=k)[0])
        for k in neighbours
        for seed in range(3)
    ]
    figure = clouds.umap_stability(layouts)
    return _exhibit("stability", {"UMAP with other settings": figure}, n=len(pairs))

"""The report's numbered figures: which pictures, in which order, with which words.

A figure whose data are missing (no untrained networks, fewer than 8 videos) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gap_assets.gap.figures import clouds, controls, structure
from gap_assets.gap.figures.style import ACCENT, MISMATCHED, PAIRED, TEXT, VIDEO, svg
from gap_assets.gap.interventions import intervene, loss_landscape
from gap_assets.gap.pages import data_uri
from gap_assets.gap.projections import fit_umap
from gap_assets.gap.scorecard import Metric
from gap_assets.gap.sources import FRAMES, NOISE, inverse_temperatures
from gap_assets.gap.verdict import mean_and_spread, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gap_assets.gap.analysis import Analysis
    from gap_assets.gap.inputs import FloatArray
    from gap_assets.gap.projections import ProjectionModel
    from gap_assets.gap.sources import Sources
    from gap_assets.gap.verdict import Numbers

STABILITY_PAIRS = 1000


@dataclass(frozen=True)
class Exhibit:
    """A figure of one or more panels: alternative text and data URI each, and its caption."""

    title: str
    caption: str
    panels: tuple[tuple[str, str], ...]


def exhibit(title: str, caption: str, **panels: Figure) -> Exhibit:
    """Renders the panels; their names, with spaces, are the alternative texts."""
    images = (
        (name.replace("_", " "), data_uri(svg(figure), "image/svg+xml"))
        for name, figure in panels.items()
    )
    return Exhibit(title, caption, tuple(images))


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
    yield from _untrained(numbers)
    yield _landscape(analysis, numbers)
    yield from _interventions(analysis, numbers)
    yield _dimensions(analysis, numbers)
    yield from _pooling(numbers, sources)
    yield _retrieval(analysis, numbers)
    yield _stability(analysis, projections)


def _projections(
    analysis: Analysis, numbers: Numbers, projections: ProjectionModel
) -> Iterator[Exhibit]:
    points = projections.place(analysis.pairs.video, analysis.pairs.text)
    parts = projections.graph_components
    component = "component" if parts == 1 else "components"
    yield exhibit(
        "The paper's pair of pictures",
        f"Red: video, blue: text; lines join pairs. UMAP's neighbour graph has {parts} {component} "
        f"and {projections.cross_modal_edge_share:.1%} of its edge weight between the modalities. "
        "The distance between its clouds is set by the algorithm, not by the data. SVD: the two "
        "leading directions of all embeddings, uncentred, as in Liang et al. (2022).",
        UMAP_of_videos_and_texts=clouds.pair_plot(
            points["umap"], title="UMAP", axis_names=("", "")
        ),
        SVD_of_videos_and_texts=clouds.pair_plot(
            points["svd"], title="SVD", axis_names=("first direction", "second direction")
        ),
    )
    gap, d_prime = numbers.value("centroid_gap"), numbers.value("d_prime_gap")
    yield exhibit(
        "The axis of the gap",
        f"The only picture whose horizontal distances are true: the centroids (dashed) are "
        f"{number(gap)} apart. Along this axis the modalities are {number(d_prime, 1)} standard "
        "deviations apart (d′, cross-fitted).",
        Projection_on_the_gap=clouds.gap_axis_plot(points["gap_axis"], gap=gap),
    )


def _histograms(analysis: Analysis, numbers: Numbers) -> Exhibit:
    names = ("cone_video", "cone_text", "mismatched_cosine", "paired_cosine")
    means = {name: numbers.value(name) for name in names}
    gap = numbers.value("centroid_gap_debiased")
    return exhibit(
        "Cones, and where the gap comes from",
        f"The identity: {means['cone_video']:.3f} + {means['cone_text']:.3f} − 2 × "
        f"{means['mismatched_cosine']:.3f} = {gap**2:.3f} = {gap:.3f}² (debiased gap). A gap "
        "exists where the grey cosines lie left of the mean of the red and the blue ones.",
        Histograms_of_cosines=clouds.cosine_histograms(analysis.comparisons, cones=means),
    )


def _matrix(numbers: Numbers, sources: Sources) -> Iterator[Exhibit]:
    texts = list(sources.texts)
    videos = list(sources.videos)
    if any(numbers.find("centroid_gap", video=FRAMES, text=text) for text in texts):
        videos.append(FRAMES)
    names = videos + texts
    gaps = np.full((len(names), len(names)), np.nan)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            row = numbers.find("centroid_gap", video=first, text=second)
            if row:
                gaps[i, j] = gaps[j, i] = row.value
    if len(names) < 3:
        return
    colours = {
        "gap": PAIRED,
        "cone of texts": TEXT,
        "paired cosine": ACCENT,
        "R@1, text → video": MISMATCHED,
    }
    series = dict(
        zip(
            colours,
            ("centroid_gap", "cone_text", "paired_cosine", "recall_at_1_text_to_video"),
            strict=True,
        )
    )
    ladder = {text: _series(numbers, series, video=None, text=text) for text in texts}
    yield exhibit(
        "Every source against every source",
        "Gaps between all pairs of sources, videos in red and texts in blue. The squares beside "
        "the diagonal compare a modality with itself: what wording or pooling alone does. Right: "
        "the text sources against the same videos. “reference” texts, where there are any, are "
        "written by people and the only ones that the network did not make itself.",
        Matrix_of_gaps_between_sources=controls.source_matrix(names, gaps, videos=len(videos)),
        Text_sources_compared=controls.intervals(ladder, colours=colours, xlabel=""),
    )


def _series(
    numbers: Numbers, series: dict[str, str], *, video: str | None, text: str | None
) -> dict[str, Metric]:
    found = {label: numbers.find(name, video=video, text=text) for label, name in series.items()}
    return {
        label: Metric(row.metric, row.value, row.ci_low, row.ci_high, row.n)
        for label, row in found.items()
        if row
    }


def _untrained(numbers: Numbers) -> Iterator[Exhibit]:
    plan = numbers.plan
    labels = {
        "gap": "centroid_gap",
        "cone of videos": "cone_video",
        "cone of texts": "cone_text",
        "paired cosine": "paired_cosine",
    }
    untrained = {label: numbers.untrained(name) for label, name in labels.items()}
    if not untrained["gap"]:
        return
    trained = {label: numbers.value(name) for label, name in labels.items()}
    more = {
        "cone of noise pictures": numbers.untrained("cone_video", video=NOISE, text=NOISE),
        "gap between two seeds, videos": numbers.crossed("centroid_gap", plan.video),
        "gap between two seeds, texts": numbers.crossed("centroid_gap", plan.text),
    }
    yield exhibit(
        "Before any training",
        f"{len(untrained['gap'])} networks with untrained weights on the same videos and texts: "
        f"gap {mean_and_spread(untrained['gap'])}, against {number(trained['gap'], 2)} after training. "
        "The last rows feed noise pictures to them, and compare one tower of two seeds with each "
        "other: a gap without two modalities.",
        Untrained_and_trained_networks=controls.untrained_networks(
            trained, untrained | {label: values for label, values in more.items() if values}
        ),
    )


def _landscape(analysis: Analysis, numbers: Numbers) -> Exhibit:
    scales = inverse_temperatures(numbers.plan.logit_scale)
    landscape = loss_landscape(analysis.pairs, inverse_temperatures=scales)
    best = landscape.gaps[landscape.losses.argmin(axis=1)[0]]
    return exhibit(
        "The contrastive loss as the gap closes",
        f"At the network's own temperature (1/τ = {scales[0]:g}) the loss is smallest at a gap of "
        f"{number(float(best), 2)}. Higher temperatures move the best gap towards 0, as in figure "
        f"3 of the paper. Batches of {min(50, len(analysis.pairs))}; each curve is rescaled from "
        "its own least to its own most.",
        Loss_over_gap=structure.loss_curves(landscape),
    )


def _interventions(analysis: Analysis, numbers: Numbers) -> Iterator[Exhibit]:
    outcomes = intervene(analysis.pairs, seed=numbers.plan.seed)
    if not outcomes:
        return
    yield exhibit(
        "Closing the gap is not merging the modalities",
        f"Gap, neighbours and recall on {outcomes[0].n} held-out videos; gap vector, means and the "
        "choice of dimensions come from the other half. Left: shifting both modalities towards "
        "each other; diamonds: subtracting each modality's mean. Right: dropping the dimensions "
        "in which the centroids differ most.",
        Shift_and_centring=structure.shifting(outcomes),
        Dropped_dimensions=structure.dropping(outcomes),
    )


def _dimensions(analysis: Analysis, numbers: Numbers) -> Exhibit:
    shape = analysis.shapes
    clouds_of = {"video": shape.video, "text": shape.text, "video − text": shape.residual}
    return exhibit(
        "Where the gap lives",
        f"{number(numbers.value('gap_dimensions_50'))} of {len(shape.gap)} coordinates hold half "
        f"of the squared gap. Right: how many directions the clouds use; {len(analysis.pairs)} videos "
        f"span at most {len(analysis.pairs) - 1}. The leading subspaces overlap by "
        f"{number(numbers.value('subspace_overlap'), 2)} (by chance: "
        f"{number(numbers.value('subspace_overlap_chance'), 2)}).",
        Share_of_the_gap_by_dimension=structure.gap_dimensions(shape.gap),
        Variance_by_direction=structure.spectra(
            {name: cloud.values for name, cloud in clouds_of.items()}
        ),
    )


def _pooling(numbers: Numbers, sources: Sources) -> Iterator[Exhibit]:
    colours = {"gap": PAIRED, "cone of videos": VIDEO, "paired cosine": ACCENT}
    names = dict(zip(colours, ("centroid_gap", "cone_video", "paired_cosine"), strict=True))
    groups = {
        source: _series(numbers, names, video=source, text=None)
        for source in [FRAMES, *sources.videos]
    }
    groups = {source: series for source, series in groups.items() if series}
    norms = np.linalg.norm(sources.videos[numbers.plan.video], axis=1)
    norms = norms[np.isfinite(norms)]
    pooled = float(np.ptp(norms)) > 1e-3
    if len(groups) < 2:
        return
    panels = {"Fusions_compared": controls.intervals(groups, colours=colours, xlabel="")}
    if pooled:
        panels["Lengths_of_mean_embeddings"] = controls.norm_histogram(norms)
    yield exhibit(
        "What pooling does",
        "Pooling changes gap and cone without any change of the network. “frames” averages unit "
        "frames and keeps the length, which leaves the centroid and the cone of single frames as "
        "they are. Making the mean a unit vector again lifts both"
        + (
            f": its mean squared length is {number(float((norms**2).mean()), 2)}."
            if pooled
            else "."
        ),
        **panels,
    )


def _retrieval(analysis: Analysis, numbers: Numbers) -> Exhibit:
    passes = analysis.comparisons
    mixed_video = passes.video.closer + passes.video_to_text.closer + 1
    mixed_text = passes.text.closer + passes.text_to_video.closer + 1
    k = passes.video.nearest.shape[1]
    return exhibit(
        "Retrieval and hubs",
        "Left: share of matches within rank k; dotted: videos and texts in one gallery, where "
        f"the median rank of a video's own text is {number(float(np.median(mixed_video)))} of "
        f"{2 * len(analysis.pairs) - 1}. Right: how often each text or video is among the {k} "
        "nearest of the other modality.",
        Recall_curves=structure.recall_curves(
            {
                "video → text": passes.video_to_text.closer + 1,
                "text → video": passes.text_to_video.closer + 1,
                "video → text, mixed": mixed_video,
                "text → video, mixed": mixed_text,
            }
        ),
        Hubs=structure.hub_histogram(
            {
                "texts": passes.video_to_text.occurrences,
                "videos": passes.text_to_video.occurrences,
            },
            k=k,
        ),
    )


def _stability(analysis: Analysis, projections: ProjectionModel) -> Exhibit:
    n = len(analysis.pairs)
    pairs = analysis.pairs.take(np.linspace(0, n - 1, min(n, STABILITY_PAIRS)).astype(np.intp))
    rows = np.concatenate([pairs.video, pairs.text])
    most = len(rows) - 1
    neighbours = sorted({min(projections.neighbors, most), min(projections.neighbors * 3, most)})
    layouts: list[tuple[int, int, FloatArray]] = [
        (seed, k, fit_umap(rows, seed=seed, neighbors=k)[0])
        for k in neighbours
        for seed in range(3)
    ]
    return exhibit(
        "UMAP's stability",
        f"The same {len(pairs)} pairs with three seeds and two neighbourhood sizes. “apart” is the "
        "distance of the centroids in the picture: it moves although the data do not.",
        UMAP_with_other_settings=clouds.umap_stability(layouts),
    )

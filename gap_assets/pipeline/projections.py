"""The pictures' coordinates: projections fitted on all pairs, and each video's place in them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from gap_assets.gap.projections import ProjectionModel, fit_projections
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline.corpus import main_pair, read_corpus
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse


def projection_file(report: str) -> Path:
    """The file of the fitted projections, in the report's folder."""
    return Path(report) / "projections.npz"


def fit_on_all_pairs(
    warehouse: Warehouse, *, statistics: GapStatistics, path: Path
) -> dict[str, int | float]:
    """Fits the projections on all pairs, keeps them in a file and says what they are like."""
    _, video, text = main_pair(read_corpus(warehouse), statistics)
    model = fit_projections(video, text, seed=statistics.seed, neighbors=statistics.neighbors)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return {
        "pairs": len(video),
        "components of the UMAP graph": model.graph_components,
        "cross-modal edge share": model.cross_modal_edge_share,
    }


def place_videos(
    videos: Sequence[str],
    *,
    warehouse: Warehouse,
    statistics: GapStatistics,
    model: Callable[[], ProjectionModel],
) -> Results:
    """Coordinates of some videos and their texts; `model` gives the fitted projections."""
    corpus = read_corpus(warehouse, videos=list(videos))
    video_ids, video, text = main_pair(corpus, statistics)
    rows = []
    if video_ids:
        for method, points in model().place(video, text).items():
            rows += [
                (video_id, modality, method, *points[i + offset])
                for offset, modality in ((0, "video"), (len(video), "text"))
                for i, video_id in enumerate(video_ids)
            ]
    return Results(rows={"projections": typed_rows("projections", rows)})

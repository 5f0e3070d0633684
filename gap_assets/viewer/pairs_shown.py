"""What the page draws: the main pair of every video, and where both lie in the projections."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.gap.pairs import unit_rows
from gap_assets.gap.projections import METHODS
from gap_assets.graph import fingerprint
from gap_assets.parameters import CocaModel, GapStatistics
from gap_assets.profiles import display_name
from gap_assets.settings import Settings, default_parameters
from gap_assets.warehouse.store import Warehouse

Vectors = NDArray[np.float32]

GAP = "centroid_gap_debiased"

# Joined and sorted here: DuckDB takes thirty times as long to carry vectors through both.
FUSED = "SELECT video_id, embedding AS video FROM video_embeddings WHERE fusion = ?"
VIDEO_TEXTS = "SELECT video_id, embedding AS text FROM text_embeddings WHERE source = ?"
SUMMARIES = "SELECT video_id, summary FROM video_summaries"
HUMAN = "SELECT video_id, caption FROM reference_captions"


class NothingToShowError(RuntimeError):
    """There is no pair yet; the message says what to run."""


@dataclass(frozen=True, kw_only=True)
class PairsShown:
    """N pairs of one video and one text each.

    Attributes:
        video_ids: The N videos, sorted.
        video: (N, D) float32 unit rows, the fused frames.
        text: (N, D) float32 unit rows.
        coordinates: Method to (N, 4): x and y of the video, x and y of the text; NaN where a video
            has not been placed yet.
        summaries: What the language model wrote.
        human: What people wrote, if anything.
        encoder: The model's name.
        fusion: How frames are fused.
        text_source: Which text.
        gap: The debiased centroid gap, the ends of its interval and the pairs that it was measured
            on, as far as they are known.
    """

    video_ids: list[str]
    video: Vectors
    text: Vectors
    coordinates: dict[str, NDArray[np.float64]]
    summaries: list[str | None]
    human: list[str | None]
    encoder: str
    fusion: str
    text_source: str
    gap: tuple[float | None, float | None, float | None, int | None]

    @cached_property
    def cosines(self) -> Vectors:
        """(N,) cosine of each video and its own text."""
        return np.asarray(np.einsum("nd,nd->n", self.video, self.text))

    @cached_property
    def version(self) -> str:
        """What tells these pairs from others; an index means a video only within one version."""
        return fingerprint([self.video_ids, self.cosines.round(5).tolist()])


def read_pairs_shown(settings: Settings) -> PairsShown:
    """Reads the pairs of a data folder.

    Raises:
        NothingToShowError: No video has both embeddings yet.
    """
    chosen: Any = default_parameters(settings)
    statistics: GapStatistics = chosen["statistics"]
    coca: CocaModel = chosen["coca"]
    warehouse = Warehouse(path=settings.warehouse)
    videos = warehouse.read_embeddings(FUSED, statistics.fusion)
    texts = warehouse.read_embeddings(VIDEO_TEXTS, statistics.text_source)
    both = len(videos) and len(texts)
    rows = videos.join(texts, on="video_id").sort("video_id") if both else pl.DataFrame()
    if rows.is_empty():
        raise NothingToShowError(
            f"{settings.data} holds no video with embeddings of its frames and of its"
            f" {statistics.text_source} yet; `gap run` makes them."
        )
    video_ids = rows["video_id"].to_list()
    summaries, human = dict(warehouse.tuples(SUMMARIES)), dict(warehouse.tuples(HUMAN))
    encoder = display_name(coca.model, coca.weights)
    gap = warehouse.tuples(
        "SELECT value, ci_low, ci_high, n FROM gap_metrics WHERE metric = ? AND encoder = ?"
        " AND video_source = ? AND text_source = ?",
        *(GAP, encoder, statistics.fusion, statistics.text_source),
    )
    return PairsShown(
        video_ids=video_ids,
        video=unit_rows(rows["video"].to_numpy()).astype(np.float32),
        text=unit_rows(rows["text"].to_numpy()).astype(np.float32),
        coordinates=_coordinates(warehouse, video_ids),
        summaries=[summaries.get(video) for video in video_ids],
        human=[human.get(video) for video in video_ids],
        encoder=encoder,
        fusion=statistics.fusion,
        text_source=statistics.text_source,
        gap=gap[0] if gap else (None, None, None, None),
    )


def _coordinates(warehouse: Warehouse, video_ids: list[str]) -> dict[str, NDArray[np.float64]]:
    places = warehouse.read("SELECT video_id, modality, method, x, y FROM projections")
    found = {}
    for method in METHODS:
        of_method = pl.DataFrame({"video_id": video_ids})
        for modality in ("video", "text"):
            of_modality = places.filter(method=method, modality=modality).select(
                "video_id", pl.col("x").alias(f"{modality}_x"), pl.col("y").alias(f"{modality}_y")
            )
            of_method = of_method.join(
                of_modality, on="video_id", how="left", maintain_order="left"
            )
        found[method] = of_method.drop("video_id").cast(pl.Float64).to_numpy()
    return found


def points_json(
    shown: PairsShown, *, title: str, plays: bool, searches: bool, has_report: bool
) -> bytes:
    """All that the first picture needs.

    Args:
        shown: The pairs.
        title: Of the page.
        plays: Whether the page can play the videos' files.
        searches: Whether something answers searches by meaning.
        has_report: Whether `report.html` is beside the page.
    """
    value, low, high, n = shown.gap
    points = {
        "title": title,
        "version": shown.version,
        "encoder": shown.encoder,
        "fusion": shown.fusion,
        "text_source": shown.text_source,
        "gap": {"value": value, "low": low, "high": high, "n": n},
        "plays": plays,
        "searches": searches,
        "has_report": has_report,
        "ids": shown.video_ids,
        "cosines": _rounded(shown.cosines),
        "methods": {
            method: [_rounded(column) for column in places.T]
            for method, places in shown.coordinates.items()
        },
    }
    return as_json_bytes(points)


def texts_json(shown: PairsShown) -> bytes:
    """What is said of each video, which the page's lists need."""
    return as_json_bytes({"summaries": shown.summaries, "human": shown.human})


def as_json_bytes(value: Any) -> bytes:
    """JSON in UTF-8; a text that is not Unicode keeps its place as `?`."""
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return told.encode("utf-8", "replace")


def _rounded(numbers: NDArray[np.floating[Any]]) -> list[float | None]:
    """To five digits after the point; null where there is no number."""
    return [None if np.isnan(x) else round(float(x), 5) for x in numbers]

"""Pictures' coordinates: UMAP, the paper's uncentred SVD, and the axis of the gap itself.

UMAP is left out where umap-learn is not installed, as in the light library.

A model is fitted on all pairs, videos and texts together, and places later pairs in the same
picture. It is stored as plain arrays: loading rebuilds UMAP's neighbour index instead of
unpickling it, so a file from elsewhere cannot run code and survives changes of version.
"""

import io
import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gap_assets.files import write_atomically
from gap_assets.gap.pairs import AnyFloats, FloatArray, GapInputError, check_pairs, unit_rows

METHODS = ("umap", "svd", "gap_axis")


@dataclass(frozen=True)
class ProjectionModel:
    """Three fitted projections of N pairs, or two without UMAP.

    Attributes:
        rows: (2N, D) float32 unit rows of the fit, the video block before the text block.
        coordinates: Method to (2N, 2), in the same order.
        axes: Method to (D, 2) directions, for the linear methods.
        origin: Coordinate along the gap half-way between the centroids, where `gap_axis` has its 0.
        neighbors: UMAP's n_neighbors.
        seed: UMAP's random_state.
        graph_components: Connected parts of UMAP's neighbour graph. Two or more: their distance in
            the picture is set by UMAP's layout, not by the data. 0 without UMAP.
        cross_modal_edge_share: Share of the graph's edge weight between videos and texts; NaN
            without UMAP.
    """

    rows: NDArray[np.float32]
    coordinates: dict[str, FloatArray]
    axes: dict[str, FloatArray]
    origin: float
    neighbors: int
    seed: int
    graph_components: int
    cross_modal_edge_share: float

    def place(self, video: AnyFloats, text: AnyFloats) -> dict[str, FloatArray]:
        """Coordinates (2M, 2) per method for M pairs (M, D), video block before text block.

        Rows of the fit keep their fitted coordinates; others are placed among them.
        """
        rows = np.concatenate([unit_rows(video), unit_rows(text)]).astype(np.float32)
        index = np.array([self._known.get(key, -1) for key in _keys(rows)])
        new = index < 0
        placed = {name: points[index] for name, points in self.coordinates.items()}
        if new.any():
            for name, axes in self.axes.items():
                placed[name][new] = rows[new].astype(np.float64) @ axes
            placed["gap_axis"][new, 0] -= self.origin
            if "umap" in placed:
                placed["umap"][new] = self._umap.transform(rows[new])
        return placed

    @cached_property
    def _known(self) -> dict[tuple[bytes, bool], int]:
        return {key: i for i, key in enumerate(_keys(self.rows))}

    @cached_property
    def _umap(self) -> Any:
        """The fitted UMAP without its optimisation: same neighbour index, stored coordinates."""
        model = fit_umap(
            self.rows, seed=self.seed, neighbors=self.neighbors, n_epochs=0, init="random"
        )
        model.n_epochs = None
        model.embedding_ = self.coordinates["umap"].astype(np.float32)
        return model

    def save(self, path: Path) -> Path:
        """Writes one `.npz` atomically."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {
            "rows": self.rows,
            "settings": np.array([self.neighbors, self.seed, self.graph_components]),
            "numbers": np.array([self.origin, self.cross_modal_edge_share]),
        }
        arrays |= {f"coordinates_{name}": points for name, points in self.coordinates.items()}
        arrays |= {f"axes_{name}": axes for name, axes in self.axes.items()}
        np.savez(buffer, **arrays)
        return write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "ProjectionModel":
        """Reads what `save` wrote.

        Raises:
            GapInputError: Not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                neighbors, seed, components = (int(value) for value in stored["settings"])
                origin, cross = (float(value) for value in stored["numbers"])
                return cls(
                    rows=stored["rows"],
                    coordinates={name: stored[f"coordinates_{name}"] for name in METHODS},
                    axes={name: stored[f"axes_{name}"] for name in ("svd", "gap_axis")},
                    origin=origin,
                    neighbors=neighbors,
                    seed=seed,
                    graph_components=components,
                    cross_modal_edge_share=cross,
                )
        except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError) as error:
            raise GapInputError(
                f"{path} is not a projection model ({error}); materialise projection_model again."
            ) from None


def fit_projections(
    video: AnyFloats, text: AnyFloats, *, seed: int = 0, neighbors: int = 15
) -> ProjectionModel:
    """Fits the projections on N pairs.

    UMAP: umap-learn with cosine distances, seeded, otherwise its defaults. SVD: the two leading
    right singular vectors of the stacked, uncentred rows, as in the paper's figure 1, through the
    D x D Gram matrix. Gap axis: x along the unit gap vector, y along the first principal
    component of the within-modality deviations orthogonal to it.

    Args:
        video: (N, D).
        text: (N, D).
        seed: Of UMAP.
        neighbors: UMAP's neighbourhood size; smaller where N is.

    Raises:
        GapInputError: See `check_pairs`.
    """
    pairs = check_pairs(video, text)
    rows = np.concatenate([pairs.video, pairs.text])
    svd_axes = _leading(rows, 2)
    centroids = pairs.video.mean(axis=0), pairs.text.mean(axis=0)
    gap = centroids[0] - centroids[1]
    along = gap / max(float(np.linalg.norm(gap)), 1e-12)
    deviations = np.concatenate([pairs.video - centroids[0], pairs.text - centroids[1]])
    across = _leading(deviations - np.outer(deviations @ along, along), 1)
    gap_axes = np.stack([along, across[:, 0]], axis=1)
    origin = float((centroids[0] + centroids[1]) @ along / 2)
    umap = fit_umap(rows, seed=seed, neighbors=neighbors) if umap_is_installed() else None
    components, across_share = _joined(umap.graph_) if umap is not None else (0, math.nan)
    return ProjectionModel(
        rows=rows.astype(np.float32),
        coordinates={
            **({} if umap is None else {"umap": umap.embedding_.astype(np.float64)}),
            "svd": rows @ svd_axes,
            "gap_axis": rows @ gap_axes - np.array([origin, 0.0]),
        },
        axes={"svd": svd_axes, "gap_axis": gap_axes},
        origin=origin,
        neighbors=neighbors,
        seed=seed,
        graph_components=components,
        cross_modal_edge_share=across_share,
    )


def umap_is_installed() -> bool:
    """Whether UMAP's pictures can be made here."""
    return find_spec("umap") is not None


def _joined(graph: Any) -> tuple[int, float]:
    """Connected parts of a graph (2N, 2N), and its share of weight between the two halves."""
    from scipy.sparse.csgraph import connected_components

    n = graph.shape[0] // 2
    parts = int(connected_components(graph, return_labels=False))
    return parts, float(graph[:n, n:].sum() / graph[:n].sum())


def fit_umap(rows: AnyFloats, *, seed: int, neighbors: int, **options: Any) -> Any:
    """UMAP of M rows: coordinates `embedding_` (M, 2), neighbour graph `graph_` (sparse M x M)."""
    from umap import UMAP

    n = len(rows)
    # The spectral layout needs more points than a few pairs have.
    settings = {"init": "spectral" if n > 12 else "random", "n_jobs": 1} | options
    model = UMAP(n_neighbors=min(neighbors, n - 1), metric="cosine", random_state=seed, **settings)
    with warnings.catch_warnings():
        # Separate clouds are what we look for: UMAP's remark on a disconnected graph is a result.
        warnings.simplefilter("ignore", UserWarning)
        return model.fit(rows.astype(np.float32))


def _leading(rows: FloatArray, count: int) -> FloatArray:
    """(D, count) leading right singular vectors, each with its largest entry positive."""
    _, vectors = np.linalg.eigh(rows.T @ rows)
    axes = vectors[:, ::-1][:, :count]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    return np.asarray(axes * signs)


def _keys(rows: NDArray[np.float32]) -> list[tuple[bytes, bool]]:
    """What tells rows (2M, D) apart: their bytes, and whether they are in the text block."""
    return [(row.tobytes(), i >= len(rows) // 2) for i, row in enumerate(rows)]

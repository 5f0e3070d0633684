"""A data folder opened to be read: tables as polars, embeddings as numpy, figures as matplotlib.

Everything comes from the copy that each run leaves for readers (`gap_assets.warehouse.snapshot`).
What that lacks, pictures and single frames' embeddings, is read from the warehouse in the moment of
the call. Nothing is computed here but unit vectors.
"""

import html
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from gap_assets.gap.metric_rows import MetricPlan
from gap_assets.gap.pairs import FloatArray, unit_rows
from gap_assets.inline import InlinePage
from gap_assets.notebook import show_report
from gap_assets.settings import Settings, data_directory
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.snapshot import LEFT_OUT, readable
from gap_assets.warehouse.store import Warehouse, WarehouseError, sql_as_one_sentence
from gap_assets.warehouse.views import VIEWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

Modality = Literal["video", "text"]
BY_SOURCE = {
    "video": "SELECT video_id, fusion AS source, embedding FROM video_embeddings",
    "text": "SELECT video_id, source, embedding FROM text_embeddings",
}


class NotInFolderError(LookupError):
    """What was asked for is not in the data folder; the message says what is."""


class Embeddings(NamedTuple):
    """Rows of one modality: `ids` of N videos, sorted, and `rows` (N, D) float64, unit vectors."""

    ids: list[str]
    rows: FloatArray


class PairedEmbeddings(NamedTuple):
    """`video` and `text` (N, D) float64, unit rows; row i of both belongs to video `ids[i]`."""

    video: FloatArray
    text: FloatArray
    ids: list[str]


class TimedImages(NamedTuple):
    """`times` (T,) float64 in seconds from the video's start, and the `images` of then."""

    times: FloatArray
    images: "list[Image]"


def open_folder(data: Path | str | None) -> "DataFolder":
    """See `gap_assets.open`."""
    settings = Settings(data=Path(data).absolute() if data else data_directory())
    warehouse = Warehouse(path=settings.warehouse)
    if not warehouse.exists():
        raise FileNotFoundError(
            f"{settings.data} holds no warehouse; name the folder of a run, or fill it with"
            " `gap run` or `gap demo`."
        )
    return DataFolder(path=settings.data, settings=settings, warehouse=warehouse)


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """A data folder; as a cell's result, a table of what is in it.

    Attributes:
        path: The folder.
        settings: What it remembers.
        warehouse: Its tables.
    """

    path: Path
    settings: Settings = field(repr=False)
    warehouse: Warehouse = field(repr=False)

    def sql(self, query: str) -> pl.DataFrame:
        """The rows of a SELECT on the tables and views, as of the end of the last run.

        A query that needs `frame_embeddings` or `frames.image` reads the warehouse as it is now.

        Raises:
            WarehouseError: The SQL is wrong; in one sentence.
        """
        if self.warehouse.is_lake:
            return self.warehouse.query(query)
        with sql_as_one_sentence():
            kinds = {statement.type for statement in duckdb.extract_statements(query)}
            if kinds != {duckdb.StatementType.SELECT}:
                raise WarehouseError("The statement returns no rows; ask with SELECT.")
            try:
                return readable(self.warehouse).read(query)
            except (duckdb.CatalogException, duckdb.BinderException):
                if not any(name.rpartition(".")[2] in query.lower() for name in LEFT_OUT):
                    raise
                return self.warehouse.read(query)

    def table(self, name: str) -> pl.DataFrame:
        """A whole table or view, such as `pairs`; `frames` without its pictures.

        Raises:
            NotInFolderError: There is no such table yet.
        """
        known = {*self._contents(), *LEFT_OUT} & {*TABLES, *VIEWS}
        if name not in known:
            raise NotInFolderError(
                f"There is no table {name!r} in {self.path}; there are {', '.join(sorted(known))}."
            )
        return self.sql(f'FROM "{name}"')

    def embeddings(self, modality: Modality, *, source: str | None = None) -> Embeddings:
        """The embeddings of all videos or texts, as the gap is measured on them.

        Args:
            modality: `video` or `text`.
            source: How frames are fused (`mean`, `medoid`, `max`, `middle`), or which text
                (`summary`, `captions`, `filtered`, `reference`). By default that of the report.

        Raises:
            NotInFolderError: There are no such embeddings.
        """
        if modality not in BY_SOURCE:
            raise NotInFolderError(f"There is no modality {modality!r}; there are video and text.")
        plan = self._plan()
        source = source or (plan.video if modality == "video" else plan.text)
        found = readable(self.warehouse).read_embeddings(
            f"{BY_SOURCE[modality]} ORDER BY source, video_id"
        )
        rows = found.filter(source=source) if len(found) else found
        if rows.is_empty():
            names = ", ".join(found["source"].unique(maintain_order=True)) if len(found) else "none"
            raise NotInFolderError(
                f"There are no {modality} embeddings {source!r} in {self.path}; there are {names}."
            )
        return Embeddings(rows["video_id"].to_list(), unit_rows(rows["embedding"].to_numpy()))

    def pairs(self, *, video: str | None = None, text: str | None = None) -> PairedEmbeddings:
        """The embeddings of the videos that have both sides, row for row.

        Args:
            video: How frames are fused; see `embeddings`.
            text: Which text.

        Raises:
            NotInFolderError: There are no such embeddings.
        """
        videos = self.embeddings("video", source=video)
        texts = self.embeddings("text", source=text)
        ids, left, right = np.intersect1d(
            videos.ids, texts.ids, assume_unique=True, return_indices=True
        )
        return PairedEmbeddings(videos.rows[left], texts.rows[right], ids.tolist())

    def metrics(self) -> pl.DataFrame:
        """The numbers of the report's main pair, each with its interval and what it means.

        All pairs of sources and the untrained networks are in the table `gap_metrics`.

        Raises:
            FileNotFoundError: The folder has no report yet.
        """
        from gap_assets.gap.reporting.pages import definition

        plan = self._plan_of_report()
        rows = readable(self.warehouse).read(
            "SELECT metric, value, ci_low, ci_high, n FROM gap_metrics"
            " WHERE encoder = ? AND video_source = ? AND text_source = ?",
            *(plan.encoder, plan.video, plan.text),
        )
        told = [definition(metric) for metric in rows["metric"]]
        return rows.with_columns(pl.Series("definition", told, dtype=pl.String))

    def frames(self, video_id: str) -> TimedImages:
        """The stored frames of a video; a picture that stays is stored once.

        Raises:
            NotInFolderError: There are none of this video.
        """
        from PIL import Image

        rows = self.warehouse.tuples(
            "SELECT timestamp_s, image FROM frames WHERE video_id = ? ORDER BY frame_index",
            video_id,
        )
        if not rows:
            raise NotInFolderError(
                f'There are no frames of {video_id!r} in {self.path}; `.table("videos")` lists'
                " the videos."
            )
        times: NDArray[np.float64] = np.array([time for time, _ in rows])
        return TimedImages(times, [Image.open(io.BytesIO(image)) for _, image in rows])

    def figure(self, name: str) -> "Figure":
        """One of the report's numbered figures, drawn anew, to be shown, changed or saved.

        Args:
            name: As its file in `report/figures` is called, such as `gap_axis` or `retrieval-2`;
                or `umap` or `svd`, the trained network's clouds alone.

        Raises:
            GapInputError: There is no such figure; it names those that there are.
            FileNotFoundError: The folder has no report yet.
        """
        from gap_assets.gap.projections import ProjectionModel
        from gap_assets.gap.reporting.figures import numbered_figure
        from gap_assets.pipeline.projections import projection_file
        from gap_assets.pipeline.report import read_material

        plan = self._plan_of_report()
        projections = ProjectionModel.load(projection_file(str(self.settings.report)))
        copy = readable(self.warehouse)
        return numbered_figure(name, read_material(copy, plan=plan, projections=projections))

    def report(self, *, height: int = 800) -> InlinePage:
        """The report inside the cell, in a frame of so many pixels.

        Raises:
            FileNotFoundError: The folder has no report yet.
        """
        return show_report(self.path, height=height)

    def viewer(self, *, height: int = 800) -> InlinePage:
        """The pairs to look at inside the cell, as `gap explore` shows them, but without films.

        Args:
            height: Of the frame, in pixels.

        Raises:
            NothingToShowError: No video has embeddings of its frames and of its text yet.
            TooManyPairsError: There are more than a cell can hold; it says what to use.
        """
        from gap_assets.viewer.single_file import inline_page

        content = inline_page(self.settings)
        return InlinePage(page=None, height=height, title="Pairs", content=content, scripts=True)

    def _plan(self) -> MetricPlan:
        """What the report compares; the platform's defaults before there is one."""
        told = self._told()
        return MetricPlan(**told["plan"]) if told else MetricPlan(encoder="not known yet")

    def _plan_of_report(self) -> MetricPlan:
        if not self._told():
            raise FileNotFoundError(f"There is no report in {self.path} yet; `gap run` makes it.")
        return self._plan()

    def _told(self) -> dict[str, Any]:
        """The report's numbers, if there is one."""
        numbers = self.settings.report / "report.json"
        return dict(json.loads(numbers.read_text(encoding="utf-8"))) if numbers.exists() else {}

    def _contents(self) -> dict[str, int]:
        """Rows by table and view."""
        copy = readable(self.warehouse)
        there = copy.tuples(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
            " UNION ALL"
            " SELECT view_name FROM duckdb_views() WHERE database_name = current_database()"
        )
        names = [name for name in (*VIEWS, *TABLES) if (name,) in there]
        return {name: copy.tuples(f'SELECT count(*) FROM "{name}"')[0][0] for name in names}  # noqa: S608

    def _repr_html_(self) -> str:
        described = {name: view.description for name, view in VIEWS.items()}
        described |= {name: table.description for name, table in TABLES.items()}
        lines = [
            f"<tr><td><code>{name}</code></td><td>{count:,}</td>"
            f"<td>{html.escape(described[name])}</td></tr>"
            for name, count in self._contents().items()
            if count
        ]
        verdict = self._told().get("verdict", "There is no report yet; `gap run` makes it.")
        return (
            f"<p><code>{html.escape(str(self.path))}</code></p><p>{html.escape(verdict)}</p>"
            "<table><thead><tr><th>table</th><th>rows</th><th>a row is</th></tr></thead>"
            f"<tbody>{''.join(lines)}</tbody></table>"
        )

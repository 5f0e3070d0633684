"""All parts of an export, one after the other, and what each takes.

What is in a part is the business of its own module; what the command prints is `cli`'s.
"""

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

import duckdb

from gap_assets.export.card import dataset_card, tables_card
from gap_assets.export.dataset import COUNTS, columns_of, write_dataset
from gap_assets.export.dataset_rows import STRIP, Shape
from gap_assets.export.destination import check_destination, replacing
from gap_assets.export.frozen import embedding_size, freeze, opened_copy, take_folders_out_of_models
from gap_assets.export.machine_paths import shortened
from gap_assets.export.tables import count_rows, estimated_bytes, write_tables
from gap_assets.files import free_bytes
from gap_assets.parameters import GapStatistics
from gap_assets.progress import report_progress
from gap_assets.settings import Settings, default_parameters
from gap_assets.viewer.pairs_shown import NothingToShowError
from gap_assets.viewer.site import write_site
from gap_assets.warehouse.store import Warehouse

PAGES, FIGURES = ("report.html", "report.json"), "figures"
TEXTS = {".html", ".json", ".svg"}
OF_A_VIDEO = 4096  # bytes of the site that are no picture: texts and places

MODELS = "SELECT DISTINCT asset, model FROM made_with WHERE model IS NOT NULL ORDER BY ALL"


class NoRoomError(RuntimeError):
    """The disk is too small; the message says what is needed."""


def expected_bytes(settings: Settings, *, thumbnails_bytes: int, pictures: bool) -> dict[str, int]:
    """About what each part of an export will take, in bytes, by the first rows of each table.

    Args:
        settings: Of the data folder.
        thumbnails_bytes: What the pictures of the site may take.
        pictures: Whether tables and data set hold the stored pictures.

    Raises:
        NothingToExportError: If the warehouse holds no embeddings yet.
        WarehouseError: If another process writes for longer than the warehouse's patience.
    """
    warehouse = Warehouse(path=settings.warehouse)
    embedding_size(warehouse)
    with warehouse.reading() as connection:
        counts = count_rows(connection)
        tables = estimated_bytes(connection, counts, pictures=True)
        bare = estimated_bytes(connection, counts, pictures=False)
    stored = tables["frames"] - bare["frames"]
    n_videos, n_frames = counts["videos"], counts["frames"]
    per_frame = stored / max(n_frames, 1)
    rows = sum(bare[name] for name in ("frames", "frame_captions", "frame_embeddings", "pairs"))
    in_rows = stored + per_frame * min(n_videos * (STRIP + 1), 2 * n_frames)
    report = [path for path in _report_files(settings) if path.exists()]
    return {
        "site": min(thumbnails_bytes, stored) + OF_A_VIDEO * n_videos,
        "tables": sum((tables if pictures else bare).values()),
        "dataset": rows + (round(in_rows) if pictures else 0),
        "report": sum(path.stat().st_size for path in report),
    }


def write_export(
    settings: Settings, target: Path, *, thumbnails_bytes: int, pictures: bool, needed: int = 0
) -> dict[str, int]:
    """Writes a folder or a zip with all parts, and puts it in its place when it is whole.

    Args:
        settings: Of the data folder.
        target: A folder, or a file that ends in `.zip`.
        thumbnails_bytes: What the pictures of the site may take.
        pictures: Whether tables and data set hold the stored pictures.
        needed: Bytes that it is expected to take.

    Returns:
        Bytes of each part; a part that is not there yet in the data folder is left out.

    Raises:
        DestinationError: If something else than an earlier export is in the place.
        NoRoomError: If the disk has less free than is expected to be needed.
        NothingToExportError: If the warehouse holds no embeddings yet.
        WarehouseError: If another process writes for longer than the warehouse's patience.
        DiskFullError: If there is no space left after all.
    """
    target = target.resolve()
    check_destination(target)
    _check_room(settings, target, needed)
    with replacing(target, progress=partial(report_progress, "zip")) as folder:
        copy = folder.parent / "gap.duckdb"
        report_progress("copy of the warehouse", 0, 1)
        paths = freeze(settings, copy)
        report_progress("copy of the warehouse", 1, 1)
        report = _copy_report(settings, folder, paths)
        with suppress(NothingToShowError):
            write_site(
                settings.model_copy(update={"warehouse": str(copy)}),
                folder,
                thumbnails_bytes=thumbnails_bytes,
                has_report=(folder / PAGES[0]).exists(),
                progress=partial(report_progress, "site"),
            )
        for page in (folder / "data").glob("*.json"):
            _shorten_file(page, page, paths)
        site = _bytes_in(folder) - report
        with opened_copy(copy) as connection:
            take_folders_out_of_models(connection, paths)
            _write_rows(connection, folder, settings, pictures=pictures)
        sizes = {name: _bytes_in(folder / name) for name in ("tables", "dataset")}
        copy.unlink()
    return {name: size for name, size in {"site": site, **sizes, "report": report}.items() if size}


def _write_rows(
    connection: duckdb.DuckDBPyConnection, folder: Path, settings: Settings, *, pictures: bool
) -> None:
    """The tables and the data set, with the pages that describe them."""
    tables, dataset = folder / "tables", folder / "dataset"
    tables.mkdir()
    dataset.mkdir()
    write_tables(connection, tables, pictures=pictures, progress=partial(report_progress, "tables"))
    (tables / "README.md").write_text(tables_card(count_rows(connection)), encoding="utf-8")
    statistics = default_parameters(settings)["statistics"]
    assert isinstance(statistics, GapStatistics)
    [[size]] = connection.execute(
        "SELECT value::INTEGER FROM warehouse WHERE key = 'embedding_size'"
    ).fetchall()
    shape = Shape(
        embedding_size=size,
        pictures=pictures,
        fusion=statistics.fusion,
        text_source=statistics.text_source,
    )
    files = write_dataset(connection, dataset, shape, progress=partial(report_progress, "dataset"))
    card = dataset_card(
        columns_of(shape),
        files=files,
        videos=len(connection.execute(COUNTS).fetchall()),
        models=connection.execute(MODELS).fetchall(),
    )
    (dataset / "README.md").write_text(card, encoding="utf-8")


def _copy_report(settings: Settings, folder: Path, paths: list[str]) -> int:
    """Copies the report, without this machine's paths; its bytes, 0 where there is none yet."""
    copied = 0
    for path in _report_files(settings):
        if not path.exists():
            continue
        target = folder / path.relative_to(settings.report)
        target.parent.mkdir(exist_ok=True)
        if path.suffix in TEXTS:
            _shorten_file(path, target, paths)
        else:
            shutil.copyfile(path, target)
        copied += target.stat().st_size
    return copied


def _report_files(settings: Settings) -> list[Path]:
    figures = settings.report / FIGURES
    found = sorted(figures.iterdir()) if figures.is_dir() else []
    return [*(settings.report / name for name in PAGES), *(f for f in found if f.is_file())]


def _shorten_file(source: Path, target: Path, paths: list[str]) -> None:
    text = shortened(source.read_text(encoding="utf-8"), paths)
    target.write_text(text, encoding="utf-8")


def _check_room(settings: Settings, target: Path, needed: int) -> None:
    if not Warehouse(path=settings.warehouse).is_lake:
        needed += Path(settings.warehouse).stat().st_size  # for the copy
    if (free := free_bytes(target.parent)) < needed:
        raise NoRoomError(
            f"The export needs about {needed / 1e9:.3g} GB beside {target}, where"
            f" {free / 1e9:.3g} GB are free; name another place, or add --no-pictures."
        )


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

"""A report once it is made, and the files that it becomes. What it says is decided in `report`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gap_assets.files import write_atomically
from gap_assets.gap.reporting.verdict import Verdict

FIGURES = "figures"


class ReportFiles(NamedTuple):
    """Where the report lies."""

    html: Path
    json: Path
    preview_png: Path


def report_files(directory: Path) -> ReportFiles:
    """The files of the report in a folder, written or not."""
    return ReportFiles(
        *(directory / name for name in ("report.html", "report.json", "preview.png"))
    )


@dataclass(frozen=True, kw_only=True)
class RenderedReport:
    """A report in memory.

    Attributes:
        verdict: What it concludes.
        html: The page, as UTF-8.
        json: All numbers, as UTF-8.
        preview_png: The small picture.
        figures: The figures to take away, file name to content.
    """

    verdict: Verdict
    html: bytes
    json: bytes
    preview_png: bytes
    figures: Mapping[str, bytes]

    def write(self, directory: Path) -> ReportFiles:
        """Writes `report.html`, `report.json`, `preview.png` and the folder `figures`.

        Figures of an earlier report that this one lacks are taken away.

        Raises:
            DiskFullError: If there is no space left.
        """
        folder = directory / FIGURES
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if old.suffix in {".svg", ".png"} and old.name not in self.figures:
                old.unlink()
        for name, content in self.figures.items():
            write_atomically(folder / name, content)
        files = report_files(directory)
        for path, data in zip(files, (self.html, self.json, self.preview_png), strict=True):
            write_atomically(path, data)
        return files

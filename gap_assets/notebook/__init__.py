"""What a notebook begins with: a data folder opened to be read, and its report inside a cell.

The package imports this module, so it needs nothing but the standard library until it is called.
What an open folder gives is in `folder`; what the report says is made in `gap`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from gap_assets.inline import InlinePage

if TYPE_CHECKING:
    from gap_assets.notebook.folder import DataFolder


def open(data: Path | str | None = None) -> "DataFolder":  # noqa: A001 - as gzip.open, Image.open
    """Opens a data folder to be read: tables, embeddings, frames, figures and the report.

    Nothing stays open between the calls, so a folder in a notebook holds up no run.

    Args:
        data: The data folder; `GAP_DATA` or `data` where it is left out, as for `gap run`.

    Raises:
        FileNotFoundError: The folder holds no warehouse yet.
        ModuleNotFoundError: Only the light library is installed.
    """
    _require_platform()
    from gap_assets.notebook.folder import open_folder

    return open_folder(data)


def show_report(data: Path | str | None = None, *, height: int = 800) -> InlinePage:
    """The gap report of a data folder, for the last line of a notebook's cell.

    Args:
        data: The data folder; `GAP_DATA` or `data` where it is left out, as for `gap run`.
        height: Of the frame in the notebook, in pixels.

    Raises:
        FileNotFoundError: The folder has no report yet.
        ModuleNotFoundError: Only the light library is installed.
    """
    _require_platform()
    from gap_assets.settings import Settings, data_directory

    folder = Path(data).absolute() if data else data_directory()
    page = Settings(data=folder).report / "report.html"
    if not page.exists():
        raise FileNotFoundError(f"There is no report in {folder} yet; `gap run` makes it.")
    content = page.read_text(encoding="utf-8")
    return InlinePage(page=page, height=height, title="Gap report", content=content)


def _require_platform() -> None:
    """Says what to install where the package is the light library's part of it."""
    from importlib.util import find_spec

    if find_spec("gap_assets.settings") is None:
        raise ModuleNotFoundError(
            "Data folders belong to the whole platform, and here is only its light library"
            " modality-gap; install gap_assets in its place."
        )

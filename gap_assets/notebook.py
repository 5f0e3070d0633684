"""Shows a data folder's report inside a notebook. What the report says is made in `gap`.

The package imports this module, so it needs nothing but the standard library until it is called.
"""

import html
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class InlineReport:
    """A gap report that a notebook shows as a cell's result, and a terminal as its path.

    Attributes:
        page: The HTML file it was read from.
        height: Of the frame that shows it, in pixels; the page scrolls within.
        content: The page as HTML text.
    """

    page: Path
    height: int
    content: str = field(repr=False)

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its styles and the notebook's stay apart."""
        # The page has no scripts and no links; `sandbox` keeps it so.
        return (
            f'<iframe srcdoc="{html.escape(self.content)}" title="Gap report" sandbox=""'
            f' style="box-sizing: border-box; width: 100%; height: {self.height}px;'
            ' border: 1px solid #ccc"></iframe>'
        )


def show_report(data: Path | str | None = None, *, height: int = 800) -> InlineReport:
    """The gap report of a data folder, for the last line of a notebook's cell.

    Args:
        data: The data folder; `GAP_DATA` or `data` where it is left out, as for `gap run`.
        height: Of the frame in the notebook, in pixels.

    Raises:
        FileNotFoundError: The folder has no report yet.
    """
    from gap_assets.settings import Settings, data_directory

    folder = Path(data).absolute() if data else data_directory()
    page = Settings(data=folder).report / "report.html"
    if not page.exists():
        raise FileNotFoundError(f"There is no report in {folder} yet; `gap run` makes it.")
    return InlineReport(page=page, height=height, content=page.read_text(encoding="utf-8"))

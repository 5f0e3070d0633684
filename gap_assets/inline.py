"""Pages inside a notebook's cell, each in a frame of its own. What they say is made elsewhere."""

import html
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class InlinePage:
    """A page that a notebook shows as a cell's result, and a terminal as its path.

    Attributes:
        page: The HTML file that it was read from; None where there is none.
        height: Of the frame that shows it, in pixels; the page scrolls within.
        title: What a screen reader says of the frame.
        content: The page as HTML text.
        scripts: Whether its scripts run. They reach neither the notebook nor anything else.
    """

    page: Path | None
    height: int
    title: str = field(repr=False)
    content: str = field(repr=False)
    scripts: bool = field(default=False, repr=False)

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its styles and the notebook's stay apart."""
        allowed = "allow-scripts" if self.scripts else ""
        return (
            f'<iframe srcdoc="{html.escape(self.content)}" title="{html.escape(self.title)}"'
            f' sandbox="{allowed}" style="box-sizing: border-box; width: 100%;'
            f' height: {self.height}px; border: 1px solid #ccc"></iframe>'
        )

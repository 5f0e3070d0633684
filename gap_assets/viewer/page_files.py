"""The files of the page, as they lie in the folder `page`."""

from functools import cache
from importlib.resources import files

STYLE, HTML = "style.css", "index.html"
SCRIPTS = ("data.js", "scatter.js", "gestures.js", "pair.js", "lists.js", "app.js")
"""In the order in which they need each other, as `index.html` loads them."""

PAGE = {
    HTML: "text/html; charset=utf-8",
    STYLE: "text/css; charset=utf-8",
    **dict.fromkeys(SCRIPTS, "text/javascript; charset=utf-8"),
}
"""The types of all of them."""


@cache
def page_file(name: str) -> bytes:
    """One file of the page."""
    return files("gap_assets.viewer").joinpath("page", name).read_bytes()

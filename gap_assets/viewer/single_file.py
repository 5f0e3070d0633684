"""The page as one HTML text that needs nothing beside it, for a notebook's cell."""

import base64
import json
import re

from gap_assets.settings import Settings
from gap_assets.viewer.page_files import HTML, SCRIPTS, STYLE, page_file
from gap_assets.viewer.pairs_shown import points_json, read_pairs_shown, texts_json
from gap_assets.viewer.site import pairs_with_strips, size_that_fits
from gap_assets.warehouse.store import Warehouse

MOST_VIDEOS = 1000  # A cell's result is kept in the notebook's file.
THUMBNAILS = 5_000_000  # bytes

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
OWN_POLICY = re.compile('<meta http-equiv="Content-Security-Policy"[^>]*>')


class TooManyPairsError(ValueError):
    """A notebook's cell cannot hold so many pairs."""


def inline_page(settings: Settings) -> str:
    """The page with all that it shows inside it; it loads nothing and plays no videos.

    Raises:
        NothingToShowError: No video has both embeddings yet.
        TooManyPairsError: There are more than 1,000.
    """
    shown = read_pairs_shown(settings)
    n = len(shown.video_ids)
    if n > MOST_VIDEOS:
        raise TooManyPairsError(
            f"{n:,} pairs are too many for a notebook's cell; look at them with `gap explore`, or"
            " with `gap export` as a site."
        )
    warehouse = Warehouse(path=settings.warehouse)
    data = f"data/{shown.version}"
    title = settings.data.name
    points = points_json(shown, title=title, plays=False, searches=False, has_report=False)
    inside = {
        "data/points.json": json.loads(points),
        f"{data}/texts.json": json.loads(texts_json(shown)),
    }
    frames, height = size_that_fits(warehouse, shown, THUMBNAILS)
    for index, details, strip in pairs_with_strips(
        warehouse, shown, range(n), most_frames=frames, height=height
    ):
        cell = {}
        if strip:
            picture = base64.b64encode(strip.jpeg).decode()
            inside[f"{data}/strips/{index}.jpg"] = f"data:image/jpeg;base64,{picture}"
            cell = {"cell": [strip.width, strip.height]}
        inside[f"{data}/videos/{index}.json"] = details | cell
    return _assembled(inside)


def _assembled(inside: dict[str, object]) -> str:
    """The page with its style, its scripts and its data in the places of their addresses."""
    # No text can end the element that holds the data.
    told = json.dumps(inside, allow_nan=False).replace("<", "\\u003c")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = OWN_POLICY.sub(policy, page_file(HTML).decode())
    style = f"<style>{page_file(STYLE).decode()}</style>"
    page = page.replace(f'<link rel="stylesheet" href="{STYLE}">', style)
    data = f'<script type="application/json" id="inside">{told}</script>\n'
    for name in SCRIPTS:
        script = f"<script>{page_file(name).decode()}</script>"
        page = page.replace(f'<script src="{name}"></script>', f"{data}{script}")
        data = ""
    return page

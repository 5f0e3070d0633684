"""The page as a folder of files that any HTTP server serves: no Python, no search by meaning.

The addresses are those of `server`, so the page is the same; the videos themselves are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gap_assets.gap.pairs import evenly_spaced
from gap_assets.settings import Settings
from gap_assets.viewer.details import Details, read_details
from gap_assets.viewer.page_files import PAGE, page_file
from gap_assets.viewer.pairs_shown import (
    PairsShown,
    as_json_bytes,
    points_json,
    read_pairs_shown,
    texts_json,
)
from gap_assets.viewer.strips import Strip, read_strips
from gap_assets.warehouse.store import Warehouse

SIZES = ((16, 96), (12, 96), (8, 96), (6, 80), (4, 72), (2, 64), (1, 64), (1, 48))
"""Frames of a video and their height in pixels; the first that fits is taken."""

SAMPLED = 16  # videos whose strips tell how large all will be
BATCH = 64  # videos that are in memory at a time


@dataclass(frozen=True, kw_only=True)
class SiteFiles:
    """What was written of N pairs.

    Attributes:
        videos: N.
        frames: Frames of a video at most.
        thumbnails_bytes: What their pictures take, as JPEG.
        without_pictures: Videos whose pictures did not fit.
    """

    videos: int
    frames: int
    thumbnails_bytes: int
    without_pictures: int


def write_site(
    settings: Settings,
    folder: Path,
    *,
    thumbnails_bytes: int,
    has_report: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> SiteFiles:
    """Writes the page and all that it reads into a folder.

    Args:
        settings: Of the data folder.
        folder: Where to; it is there, and nobody reads it yet.
        thumbnails_bytes: What the pictures of frames may take; fewer and smaller ones where all
            would take more.
        has_report: Whether the caller puts `report.html` beside the page.
        progress: Takes the videos that are done, and all of them.

    Raises:
        NothingToShowError: No video has both embeddings yet.
    """
    shown = read_pairs_shown(settings)
    warehouse = Warehouse(path=settings.warehouse)
    for name in PAGE:
        (folder / name).write_bytes(page_file(name))
    data = folder / "data" / shown.version
    for place in (data / "videos", data / "strips"):
        place.mkdir(parents=True)
    title = settings.data.name
    points = points_json(shown, title=title, plays=False, searches=False, has_report=has_report)
    (folder / "data" / "points.json").write_bytes(points)
    (data / "texts.json").write_bytes(texts_json(shown))
    frames, height = size_that_fits(warehouse, shown, thumbnails_bytes)
    used, without, n = 0, 0, len(shown.video_ids)
    for index, details, strip in pairs_with_strips(
        warehouse, shown, range(n), most_frames=frames, height=height
    ):
        cell = {}
        if strip and used + len(strip.jpeg) <= thumbnails_bytes:
            used += len(strip.jpeg)
            (data / "strips" / f"{index}.jpg").write_bytes(strip.jpeg)
            cell = {"cell": [strip.width, strip.height]}
        else:
            without += 1
        (data / "videos" / f"{index}.json").write_bytes(as_json_bytes(details | cell))
        progress(index + 1, n)
    return SiteFiles(videos=n, frames=frames, thumbnails_bytes=used, without_pictures=without)


def pairs_with_strips(
    warehouse: Warehouse,
    shown: PairsShown,
    indices: Sequence[int],
    *,
    most_frames: int,
    height: int,
) -> Iterator[tuple[int, Details, Strip | None]]:
    """Details and pictures of some pairs, one after the other."""
    for start in range(0, len(indices), BATCH):
        part = indices[start : start + BATCH]
        found = read_details(warehouse, shown, part, most_frames=most_frames)
        chosen = {shown.video_ids[index]: found[index].pop("frame_indices") for index in part}
        strips = read_strips(warehouse, chosen, height=height)
        for index in part:
            yield index, found[index], strips.get(shown.video_ids[index])


def size_that_fits(warehouse: Warehouse, shown: PairsShown, allowed: int) -> tuple[int, int]:
    """How many frames of a video to show, and how high, so that all pictures fit.

    Args:
        warehouse: Holds the frames.
        shown: The pairs.
        allowed: Bytes.
    """
    n = len(shown.video_ids)
    sample = [int(index) for index in evenly_spaced(n, SAMPLED)]
    for frames, height in SIZES:
        pairs = pairs_with_strips(warehouse, shown, sample, most_frames=frames, height=height)
        taken = sum(len(strip.jpeg) for _, _, strip in pairs if strip)
        if taken * n / len(sample) <= allowed:
            return frames, height
    return SIZES[-1]

"""What the viewer's server says: the page, the pairs, one video, its pictures, a search.

Nothing here knows HTTP. An index means a video within one version of the pairs only, so each
address but that of the points carries the version.
"""

import os
import threading
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gap_assets.settings import Settings
from gap_assets.viewer.details import Details, read_details
from gap_assets.viewer.pairs_shown import (
    PairsShown,
    as_json_bytes,
    points_json,
    read_pairs_shown,
    texts_json,
)
from gap_assets.viewer.ranking import rank_by
from gap_assets.viewer.search import embed_sentence
from gap_assets.viewer.strips import read_strips
from gap_assets.warehouse.store import Warehouse

PATIENCE_S = 20.0  # for a run that is writing
MOST_FRAMES = 120
STRIP_HEIGHT = 96  # pixels
PAIRS_KEPT = 64

LAST_CHANGE = "SELECT max(materialized_at), count(*) FROM materializations"


class NotThereError(LookupError):
    """There is nothing of that name."""


class OutdatedError(RuntimeError):
    """The page shows pairs of another version than the warehouse holds by now."""


@dataclass(frozen=True)
class Content:
    """A body and its type."""

    body: bytes
    kind: str


class Answers:
    """Answers questions on one data folder, from several threads at a time."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._warehouse = Warehouse(path=settings.warehouse, patience_s=PATIENCE_S)
        self._reading = threading.Lock()
        self._read_at: Any = None
        self._shown = self._current()
        self._pair = lru_cache(PAIRS_KEPT)(self._read_pair)

    def points(self) -> Content:
        """All that the first picture needs, of the warehouse as it is now.

        Raises:
            NothingToShowError: No video has both embeddings any more.
        """
        report = self._settings.report / "report.html"
        return _json(
            points_json(
                self._current(),
                title=self._settings.data.name,
                plays=True,
                searches=True,
                has_report=report.exists(),
            )
        )

    def texts(self, version: str) -> Content:
        """What is said of each video."""
        return _json(texts_json(self._of(version)))

    def video(self, version: str, index: int) -> Content:
        """Everything about one pair."""
        details, _ = self._pair(self._of(version).version, index)
        return _json(as_json_bytes(details))

    def strip(self, version: str, index: int) -> Content:
        """The pictures of one video."""
        _, jpeg = self._pair(self._of(version).version, index)
        if jpeg is None:
            raise NotThereError("The frames have no pictures.")
        return Content(jpeg, "image/jpeg")

    def search(self, version: str, sentence: str, *, with_texts: bool) -> Content:
        """What is near to a sentence, as embedded and with the gap taken out."""
        shown = self._of(version)
        hits = rank_by(embed_sentence(self._settings, sentence), shown, with_texts=with_texts)
        return _json(as_json_bytes({name: asdict(found) for name, found in hits.items()}))

    def video_file(self, version: str, index: int) -> Path:
        """The file of one video, from the catalogue.

        Raises:
            NotThereError: It is gone, or may not be read.
        """
        found = self._warehouse.tuples(
            "SELECT path FROM videos WHERE video_id = ?", self._id(self._of(version), index)
        )
        if not found or not os.access(found[0][0], os.R_OK):
            raise NotThereError("The video's file is not where it was catalogued, or not readable.")
        return Path(found[0][0])

    def report(self) -> Content:
        """The gap report."""
        page = self._settings.report / "report.html"
        if not page.exists():
            raise NotThereError("There is no report yet; `gap run` makes it.")
        return Content(page.read_bytes(), "text/html; charset=utf-8")

    def _current(self) -> PairsShown:
        with self._reading:
            changed = self._warehouse.tuples(LAST_CHANGE)
            if changed != self._read_at:
                self._shown = read_pairs_shown(self._settings)
                self._read_at = changed
            return self._shown

    def _of(self, version: str) -> PairsShown:
        shown = self._shown
        if version != shown.version:
            raise OutdatedError("The warehouse has changed since; load the page again.")
        return shown

    def _read_pair(self, version: str, index: int) -> tuple[Details, bytes | None]:
        shown = self._of(version)
        video_id = self._id(shown, index)
        details = read_details(self._warehouse, shown, [index], most_frames=MOST_FRAMES)[index]
        chosen = {video_id: details.pop("frame_indices")}
        strip = read_strips(self._warehouse, chosen, height=STRIP_HEIGHT).get(video_id)
        if strip is None:
            return details, None
        return details | {"cell": [strip.width, strip.height]}, strip.jpeg

    @staticmethod
    def _id(shown: PairsShown, index: int) -> str:
        if not 0 <= index < len(shown.video_ids):
            raise NotThereError("There is no such pair.")
        return shown.video_ids[index]


def _json(body: bytes) -> Content:
    return Content(body, "application/json")

"""Which videos a run takes: whose folder they are in, and which of them were named.

A data folder belongs to its videos folders: another folder's videos come in only on request.
Nothing is written here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gap_assets.pipeline.catalogue import list_videos, path_as_text
from gap_assets.pipeline.left_out import read_exclusions, unknown_names, why_left_out
from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse


class IntakeError(ValueError):
    """The videos cannot be taken as they were named; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What naming a place means for a data folder.

    Attributes:
        values: The settings that change with it.
        part: What it is a part of the data folder's videos, if it is; then only that is meant.
    """

    values: dict[str, Any] = field(default_factory=dict)
    part: Path | None = None


def known_videos(settings: Settings) -> dict[str, str]:
    """The videos that the warehouse lists: path to id."""
    warehouse = Warehouse(path=settings.warehouse)
    if not warehouse.exists():
        return {}
    return dict(warehouse.tuples("SELECT path, video_id FROM videos"))


def take_place(settings: Settings, place: Path, *, add: bool) -> Place:
    """What a run of a folder or a file means for a data folder that may hold others already.

    Args:
        settings: Of the data folder.
        place: The folder or the file, absolute.
        add: Whether its videos shall join those that are there.

    Raises:
        IntakeError: If the data folder holds the videos of another folder, and `add` is not set.
    """
    if not known_videos(settings):
        emptied = {"more_videos": ()} if settings.more_videos else {}
        return Place(values={"videos": place, **emptied})
    if place in settings.places:
        return Place()
    if any(place.is_relative_to(known) for known in settings.places):
        return Place(part=place)
    others = tuple(known for known in settings.places if not known.is_relative_to(place))
    if len(others) == len(settings.places):
        if not add:
            raise IntakeError(
                f"{settings.data} holds the videos of {_listed(settings.places)}; name another data"
                f" folder with --data, or add those of {place} to it with --add."
            )
        return Place(values={"more_videos": (*settings.more_videos, place)})
    # The place holds a folder that was taken before, as after a trial of one file.
    first, *more = (*others, place)
    return Place(values={"videos": first, "more_videos": tuple(more)})


def choose_videos(
    settings: Settings,
    *,
    part: Path | None = None,
    only: Collection[str] = (),
    exclude: Collection[str] = (),
    limit: int | None = None,
) -> list[str]:
    """The ids of the videos that a run shall work on; none for all.

    Args:
        settings: Of the data folder, with the run's place.
        part: Only the videos of this folder or file.
        only: Only these ids.
        exclude: None of these ids; they are checked here and left out by `excluded.txt`.
        limit: At most so many, the first by path.

    Raises:
        IntakeError: If an id is that of no video, or nothing is left.
        FileNotFoundError: If a folder is not there, or holds no video.
    """
    known = known_videos(settings)
    ids = list_videos(settings.places, known=known)
    if unknown := unknown_names((*only, *exclude), known=[*ids.values(), *known.values()]):
        raise IntakeError(unknown[0])
    if part is None and not only and limit is None:
        return []
    excluded = {*exclude, *read_exclusions(settings.excluded)}
    chosen = [
        name
        for path, name in ids.items()
        if (part is None or path.is_relative_to(part))
        and (not only or name in only)
        and name not in excluded
    ]
    if not chosen:
        raise IntakeError("None of the videos is left to work on; name others, or fewer to leave.")
    return chosen[:limit]


@dataclass(frozen=True, kw_only=True)
class FolderChanges:
    """How the folders differ from what the catalogue lists of them.

    Attributes:
        new: Ids of files that it does not list.
        changed: Ids of files of another size or modification time.
        gone: Ids of files that are not there any more, though it lists them as if they were.
        excluded: Ids that `excluded.txt` names and the catalogue does not leave out yet.
        unknown: A sentence for each name in `excluded.txt` that is no video's id.
    """

    new: list[str]
    changed: list[str]
    gone: list[str]
    excluded: list[str]
    unknown: list[str]

    def in_words(self) -> list[str]:
        """What is worth saying, a sentence each."""
        counts = {
            "new": len(self.new),
            "changed": len(self.changed),
            "gone": len(self.gone),
            "newly excluded": len(self.excluded),
        }
        told = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        changes = [f"Videos since the last run: {told}; `gap run` takes that in."] if told else []
        return [*changes, *(f"excluded.txt: {sentence}" for sentence in self.unknown)]


def folder_changes(settings: Settings) -> FolderChanges:
    """Compares the folders with the catalogue; no file is opened."""
    rows: dict[str, tuple[Any, ...]] = {}
    warehouse = Warehouse(path=settings.warehouse)
    if warehouse.exists():
        query = (
            "SELECT path, video_id, bytes, modified_ns, error FROM videos WHERE path IS NOT NULL"
        )
        rows = {path: tuple(row) for path, *row in warehouse.tuples(query)}
    known = {path: str(row[0]) for path, row in rows.items()}
    try:
        ids = list_videos(settings.places, known=known)
    except FileNotFoundError:  # All files are gone with their folder.
        ids = {}
    names = read_exclusions(settings.excluded)
    marked = {row[0] for row in rows.values() if why_left_out(row[3]) == "excluded"}
    return FolderChanges(
        new=[name for path, name in ids.items() if path_as_text(path) not in known],
        changed=[row[0] for path, row in rows.items() if _stamp(path) not in (None, row[1:3])],
        gone=[
            row[0]
            for path, row in rows.items()
            if _stamp(path) is None and why_left_out(row[3]) != "gone"
        ],
        excluded=sorted((names.keys() & {*known.values()}) - marked),
        unknown=unknown_names(names, known=[*ids.values(), *known.values()]),
    )


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _listed(places: Sequence[Path]) -> str:
    return " and ".join(str(place) for place in places)

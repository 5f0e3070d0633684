"""Takes the folders of this machine out of texts that leave it. Which texts is the callers' choice.

A folder keeps its last name: what lies in /home/ada/films lies in films.
"""

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePath
from typing import Any

from markupsafe import escape

from gap_assets.profiles import LOCAL
from gap_assets.settings import Settings

# An absolute path within a sentence, up to its last name.
FOLDERS = re.compile(r"(?:^|(?<=[\s'\"(=]))/(?:[^/\s'\"]+/)+")


def folders_of(settings: Settings) -> Iterator[str]:
    """The folders and files that a data folder's settings name."""
    yield from absolute_paths(settings.model_dump())


def absolute_paths(value: Any) -> Iterator[str]:
    """The paths, and the texts that are an absolute path as a whole, within values of any depth."""
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from absolute_paths(part)
    elif isinstance(value, str | PurePath):
        path = str(value).removeprefix(LOCAL)
        if PurePath(path).is_absolute():
            yield path


def outermost(paths: Iterable[str]) -> list[str]:
    """The paths that lie in none of the others; the root of all, which has no name, is left out."""
    kept: set[PurePath] = set()
    for path in sorted({PurePath(path) for path in paths}, key=lambda path: len(path.parts)):
        if path.name and not kept.intersection(path.parents):
            kept.add(path)
    return sorted(str(path) for path in kept)


def shortened(text: str, paths: Collection[str]) -> str:
    """A text, an HTML page or JSON with the last name in the place of each of some paths.

    Args:
        text: The text.
        paths: Absolute, none within another, as `outermost` gives them.
    """
    written: dict[str, str] = {}
    for path in paths:
        name = PurePath(path).name
        written[path] = name
        for escaped in (escape, html.escape):  # They differ in the apostrophe.
            written[str(escaped(path))] = str(escaped(name))
        for ascii_only in (True, False):
            as_json, short = (json.dumps(p, ensure_ascii=ascii_only)[1:-1] for p in (path, name))
            written[as_json] = short
    if not written:
        return text
    longest_first = sorted(written, key=len, reverse=True)
    # Letters, digits, + and / around it are those of a picture in base64.
    pattern = rf"(?<![\w+/])(?:{'|'.join(map(re.escape, longest_first))})(?![\w+=])"
    return re.sub(pattern, lambda found: written[found[0]], text)


def without_folders(sentence: str) -> str:
    """A sentence with the last name in the place of every absolute path without a space."""
    return FOLDERS.sub("", sentence)

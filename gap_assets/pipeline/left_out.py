"""Videos that no result is made of: excluded by a person, gone, or a copy of another one.

Their rows of `videos` say so in `error`; the words are defined here. No decoder and no table is
imported, so that `gap status` answers at once.
"""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

UNREAD = "not read: "
GONE = "The file is gone."
EXCLUDED = "Excluded: "
DUPLICATE = "The same file as "

STATES = {EXCLUDED: "excluded", GONE: "gone", DUPLICATE: "duplicate"}


def why_left_out(error: str | None) -> str | None:
    """The state of a video by its row's `error`: excluded, gone, duplicate, or None of these."""
    return next((state for words, state in STATES.items() if (error or "").startswith(words)), None)


def read_exclusions(path: Path) -> dict[str, str]:
    """The videos that a person leaves out: a line each, the id and why. No file: none.

    Lines that begin with # are remarks.

    Raises:
        ValueError: If the file is not UTF-8.
    """
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8; save it as that.") from error
    named = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    parts = [line.split(maxsplit=1) for line in named]
    return {video: " ".join(reason) or "no reason given" for video, *reason in parts}


def unknown_names(names: Collection[str], *, known: Collection[str]) -> list[str]:
    """A sentence for each name that is no video's id, with the id that may be meant."""
    sentences = []
    for name in sorted(set(names) - set(known)):
        near = get_close_matches(name, known, n=1) or get_close_matches(Path(name).stem, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else "."
        sentences.append(f"No video is called {name}{meant}")
    return sentences

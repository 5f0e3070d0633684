"""The captions of the world: one sentence per beat, fully decided by what the picture shows.

Grammar: `a [big] [tilted] COLOUR KIND at the ROW COLUMN [and a ...] BACKGROUND`; figures are named
from left to right and, in one column, from the top down.
"""

from dataclasses import replace

from gap_assets.world.scene import FPS, Beat, Figure, Film

MIRROR = {"left": "right", "right": "left"}


def noun(figure: Figure) -> str:
    """The figure without its place: `a big tilted red box`."""
    words = ["a", "big" * figure.big, "tilted" * figure.tilted, figure.colour, figure.kind]
    return " ".join(word for word in words if word)


def phrase(figure: Figure) -> str:
    """The figure with its place: `a red box at the top left`."""
    return f"{noun(figure)} at the {figure.row} {figure.column}"


def caption(beat: Beat, background: str) -> str:
    """The true caption of a beat."""
    seen = sorted((f for f in beat if f.visible), key=lambda f: (f.x, f.row == "bottom"))
    if not seen:
        return f"an empty view {background}"
    if seen[0].column == "touching left":
        left, right = seen
        return f"{noun(left)} touching {noun(right)} at the {left.row} middle {background}"
    return f"{' and '.join(phrase(f) for f in seen)} {background}"


def frame_caption(film: Film, frame_index: int) -> str:
    """The true caption of a clear frame."""
    return caption(film.beats[frame_index // FPS], film.story.background)


def mirrored(beat: Beat) -> Beat:
    """The beat as a mirror shows it: left and right exchanged."""

    def swap(column: str) -> str:
        return " ".join(MIRROR.get(word, word) for word in column.split())

    return tuple(replace(figure, column=swap(figure.column)) for figure in beat)

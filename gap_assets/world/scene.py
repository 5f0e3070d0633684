"""What can be in a video of the world: figures, places, and the look of them as a function of time.

A story is a list of beats, one a second; each beat says which figures are where. A figure keeps
its named state for 5/8 of its second and changes in the remaining 3/8, so that frames sampled at 1
or 2 per second (ffmpeg's rule) never fall on the border between two names. Words belong to
`language`, pixels to `drawing`, the choice of stories to `stories`.
"""

from dataclasses import dataclass

import numpy as np

FPS = 8  # frames per second of every video
UNITS = 64  # width and height of the scene; videos have two pixels per unit

COLOURS = {
    "red": (222, 36, 36),
    "green": (24, 158, 48),
    "blue": (36, 72, 232),
    "yellow": (250, 218, 28),
    "pink": (248, 92, 196),
    "cyan": (36, 214, 226),
}
KINDS = ("ball", "ring", "box", "cross", "star", "flag")
TILTABLE = ("box", "cross", "flag")  # kinds whose tilt by 45 degrees can be seen
BACKGROUNDS = {
    "at night": (18, 20, 34),
    "in snow": (232, 236, 242),
    "on sand": (190, 160, 112),
    "on stone": (106, 106, 112),
}
COLUMNS = {
    "beyond left": -21.0,
    "left": 13.0,
    "touching left": 24.0,
    "middle": 32.0,
    "touching right": 40.0,
    "right": 51.0,
    "beyond right": 85.0,
}
ROWS = {"top": 18.0, "bottom": 46.0}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One object as its caption names it: what it is, where it is, and how it looks."""

    colour: str
    kind: str
    column: str
    row: str
    big: bool = False
    tilted: bool = False

    @property
    def visible(self) -> bool:
        """Whether any of it is inside the picture."""
        return not self.column.startswith("beyond")

    @property
    def x(self) -> float:
        """Nominal centre, in units from the left edge."""
        return COLUMNS[self.column]


Beat = tuple[Figure, ...]  # every figure of the story, in an order that never changes


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happens, without the accidents of one particular recording."""

    beats: tuple[Beat, ...]
    summary: str
    background: str


@dataclass(frozen=True, kw_only=True)
class Film:
    """One recording of a story: the beats as held, and everything that no caption mentions."""

    story: Story
    beats: tuple[Beat, ...]  # one a second, with repeats where a state is held
    offset: tuple[float, float]
    wobble: tuple[tuple[float, float], ...]  # of each figure's place, in units
    radius: tuple[tuple[float, float], ...]  # of each figure: ordinary and big, in units
    tilt: float  # degrees: +45 or -45
    tint: tuple[tuple[float, ...], ...]  # of each figure and of the background, levels
    texture: tuple[float, float, float, float, float]  # strength, two frequencies, two phases
    zoom: float  # growth of the picture per second
    shake: float  # units
    shake_seed: int

    @property
    def frame_count(self) -> int:
        """How many frames the video has."""
        return len(self.beats) * FPS


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A figure at one moment: centre and radius in units, tilt in degrees, colour in levels."""

    kind: str
    x: float
    y: float
    radius: float
    tilt: float
    colour: tuple[float, ...]


def sampled_frames(beats: int, *, rate: int) -> list[int]:
    """Frame indices that `rate` (1 or 2) frames per second picks, by ffmpeg's rounding rule.

    Output k is the last frame before (k + 1/2) / rate seconds.
    """
    step = FPS // rate
    return [step * k + (step + 1) // 2 - 1 for k in range(beats * rate)]


def _progress(distance: float) -> float:
    """Share of the way to the neighbouring beat, by distance from the beat's centre in seconds.

    It drifts by 6 % in the held part (5/16 s on both sides) and runs smoothly to 1/2 half-way.
    """
    held = 5 / 16
    if distance <= held:
        return 0.06 * distance / held
    s = (distance - held) / (0.5 - held)
    return 0.06 + 0.44 * s * s * (3 - 2 * s)


def poses_at(film: Film, frame_index: int) -> list[Pose]:
    """Where the figures of a film are at a frame, between the beat and its neighbour in time."""
    time = (frame_index - 3) / FPS  # beats are centred on the 1 fps sample
    last = len(film.beats) - 1
    here = min(max(round(time), 0), last)
    there = min(max(here + (1 if time > here else -1), 0), last)
    share = _progress(min(abs(time - here), 0.5))
    ways = zip(film.beats[here], film.beats[there], strict=True)
    return [_between(film, number, *way, share) for number, way in enumerate(ways)]


def _between(film: Film, number: int, here: Figure, there: Figure, share: float) -> Pose:
    start, end = (
        np.array([f.x, ROWS[f.row], film.radius[number][f.big], f.tilted, *COLOURS[f.colour]])
        for f in (here, there)
    )
    blend = max(share - 0.06, 0.0) / 0.88  # a colour has no drift in its held part
    state = start + np.array([share] * 4 + [blend] * 3) * (end - start)
    x, y, radius, tilted, *colour = state.tolist()
    dx, dy = film.wobble[number]
    return Pose(
        kind=here.kind,
        x=x + film.offset[0] + dx,
        y=y + film.offset[1] + dy,
        radius=radius,
        tilt=film.tilt * tilted,
        colour=tuple(c + t for c, t in zip(colour, film.tint[number], strict=True)),
    )

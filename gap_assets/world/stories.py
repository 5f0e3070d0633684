"""The choice of stories and of their recordings: every random decision of the world is made here.

A story comes from a grammar of actions with a beginning and an end, made so that the sequence of
different captions decides the summary. Splits are by a hash of the summary: none is in two of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np

from gap_assets.world.language import noun, phrase
from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS, TILTABLE, Beat, Figure, Film, Story

Split = Literal["train", "validation", "held-out"]
T = TypeVar("T")

INSIDE = ("left", "middle", "right")
SECONDS = (3, 8)  # shortest and longest video
TRAVELS = {"moves", "goes", "swings", "rises", "falls", "jumps", "dips", "bounces"}


@dataclass(frozen=True)
class Action:
    """What one figure does: the words for it, and its states from the first to the last."""

    words: str
    path: tuple[Figure, ...]

    @property
    def verb(self) -> str:
        """The first word, which names the kind of action."""
        return self.words.split()[0]


def split_of(summary: str) -> Split:
    """The split that a summary belongs to: 80 % train, 10 % validation, 10 % held-out."""
    bucket = hashlib.sha256(summary.encode()).digest()[0] % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "held-out"


def draw_film(seed: int, index: int, *, split: Split) -> Film:
    """The film number `index` of a seed; always the same for the same arguments.

    Args:
        seed: Names one endless sequence of films.
        index: Position in it, from 0.
        split: Stories are drawn anew until one belongs to this split.
    """
    rng = np.random.default_rng([seed, index])
    while split_of((story := draw_story(rng)).summary) != split:
        pass
    return _record(story, rng)


def draw_story(rng: np.random.Generator) -> Story:
    """A story with one figure (two in five) or with two."""
    background = _pick(rng, list(BACKGROUNDS))
    maker = _pick(rng, (_alone, _alone, _beside, _together, _together))
    while True:
        words, beats = maker(rng)
        beats = tuple(beat for k, beat in enumerate(beats) if k == 0 or beat != beats[k - 1])
        distinct = all(noun(a) != noun(b) for beat in beats for a, b in pairwise(beat))
        if len(beats) <= SECONDS[1] and distinct:
            return Story(beats=beats, summary=f"{words} {background}", background=background)


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _figure(rng: np.random.Generator, **state: str | bool) -> Figure:
    drawn = {"column": _pick(rng, INSIDE), "row": _pick(rng, ("top", "bottom"))}
    look = {"colour": _pick(rng, list(COLOURS)), "kind": _pick(rng, KINDS)}
    return Figure(**{**look, **drawn, **state})  # type: ignore[arg-type]


def _at(figure: Figure, *columns: str) -> tuple[Figure, ...]:
    return tuple(replace(figure, column=column) for column in columns)


def actions(figure: Figure) -> Iterator[Action]:
    """Everything that a figure in its present state can do."""
    here = INSIDE.index(figure.column)
    for there, target in enumerate(INSIDE):
        step = 1 if there > here else -1
        way = _at(figure, *(INSIDE[k] for k in range(here, there + step, step)))
        if there != here:
            yield Action(f"moves to the {target}", way)
            yield Action(f"goes to the {target} and back", way + way[-2::-1])
        if abs(there - here) == 1:
            yield Action(f"swings to the {target}", way * 2)
            yield Action(f"swings to the {target}", way * 2 + way[:1])
    other = replace(figure, row="top" if figure.row == "bottom" else "bottom")
    up = figure.row == "bottom"
    yield Action("rises" if up else "falls", (figure, other))
    yield Action("jumps" if up else "dips", (figure, other, figure))
    yield Action("bounces", (figure, other) * 2)
    yield Action("bounces", (figure, other) * 2 + (figure,))
    yield Action(
        "shrinks" if figure.big else "grows", (figure, replace(figure, big=not figure.big))
    )
    if figure.kind in TILTABLE:
        tilted = replace(figure, tilted=True)
        yield Action("spins", (figure, tilted, figure))
        yield Action("spins", (figure, tilted) * 2 + (figure,))
    for colour in COLOURS:
        if colour != figure.colour:
            yield Action(f"turns {colour}", (figure, replace(figure, colour=colour)))
    if figure.column != "middle":
        outside = replace(figure, column=f"beyond {figure.column}")
        yield Action("enters", (outside, figure))
        yield Action("leaves", (figure, outside))


def _may_follow(first: str, second: str) -> bool:
    """Whether two actions in a row can be told from any one action, and from each other."""
    if first == second or first == "leaves" or second == "enters":
        return False
    turns_corner = "moves" in (first, second) and bool({"rises", "falls"} & {first, second})
    return turns_corner or not {first, second} <= TRAVELS


def _choose(rng: np.random.Generator, options: Sequence[Action]) -> Action:
    verb = _pick(rng, sorted({option.verb for option in options}))
    return _pick(rng, [option for option in options if option.verb == verb])


def _alone(rng: np.random.Generator) -> tuple[str, tuple[Beat, ...]]:
    """One figure: it stays, acts, or acts twice."""
    figure = _figure(rng, big=bool(rng.random() < 0.3))
    phases = _pick(rng, (0, 1, 1, 1, 1, 2, 2, 2, 2, 2))
    if phases == 0:
        return f"{phrase(figure)} stays", ((figure,),)
    first = _choose(rng, list(actions(figure)))
    if phases == 1:
        return f"{phrase(figure)} {first.words}", tuple((f,) for f in first.path)
    follow_ups = (
        [a for a in actions(first.path[-1]) if _may_follow(first.verb, a.verb)]
        if first.path[-1].visible
        else []
    )
    if not follow_ups:
        return _alone(rng)
    second = _choose(rng, follow_ups)
    path = first.path + second.path
    return f"{phrase(figure)} {first.words} then {second.words}", tuple((f,) for f in path)


def _beside(rng: np.random.Generator) -> tuple[str, tuple[Beat, ...]]:
    """Two figures far apart: one acts, the other rests."""
    mine, other = _pick(rng, (("left", "right"), ("right", "left")))
    actor = _figure(rng, column=mine, big=bool(rng.random() < 0.3))
    rest = _figure(rng, column=other)
    calm = [a for a in actions(actor) if a.verb not in {"moves", "goes", "swings"}]
    action = _choose(rng, calm)
    return (
        f"{phrase(actor)} {action.words} beside {phrase(rest)}",
        tuple((f, rest) for f in action.path),
    )


def _together(rng: np.random.Generator) -> tuple[str, tuple[Beat, ...]]:
    """Two figures that act on each other."""
    row = _pick(rng, ("top", "bottom"))
    left, right = _figure(rng, column="left", row=row), _figure(rng, column="right", row=row)
    return _pick(rng, (_stay, _meet, _part, _collide, _swap, _jump_over, _travel))(rng, left, right)


Duet = Callable[[np.random.Generator, Figure, Figure], tuple[str, tuple[Beat, ...]]]


def _touching(left: Figure, right: Figure) -> Beat:
    return _at(left, "touching left") + _at(right, "touching right")


def _stay(rng: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    right = replace(right, row=_pick(rng, ("top", "bottom")))
    return f"{phrase(left)} and {phrase(right)} stay", ((left, right),)


def _meet(_: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    beats = ((left, right), _touching(left, right))
    return f"{phrase(left)} and {phrase(right)} meet", beats


def _part(_: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    beats = (_touching(left, right), (left, right))
    return f"{noun(left)} touching {noun(right)} at the {left.row} middle part", beats


def _collide(_: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    beats = ((left, right), _touching(left, right), (left, right))
    return f"{phrase(left)} and {phrase(right)} collide", beats


def _swap(rng: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    rows = _pick(rng, (("top", "bottom"), ("bottom", "top")))
    passing = tuple(
        replace(f, column="middle", row=row) for f, row in zip((left, right), rows, strict=True)
    )
    beats = ((left, right), passing, _at(left, "right") + _at(right, "left"))
    return f"{phrase(left)} and {phrase(right)} swap", beats


def _jump_over(
    rng: np.random.Generator, left: Figure, right: Figure
) -> tuple[str, tuple[Beat, ...]]:
    start, end = _pick(rng, (("left", "right"), ("right", "left")))
    jumper = replace(left, column=start, row="bottom")
    above = replace(left, column="middle", row="top")
    landed = replace(left, column=end, row="bottom")
    hurdle = replace(right, column="middle", row="bottom")
    words = f"{phrase(jumper)} jumps over {phrase(hurdle)}"
    return words, ((jumper, hurdle), (above, hurdle), (landed, hurdle))


def _travel(rng: np.random.Generator, left: Figure, right: Figure) -> tuple[str, tuple[Beat, ...]]:
    right = replace(right, row=_pick(rng, ("top", "bottom")))
    early = _at(left, "left") + _at(right, "middle")
    late = _at(left, "middle") + _at(right, "right")
    start, end, way = _pick(rng, ((early, late, "right"), (late, early, "left")))
    return f"{phrase(start[0])} and {phrase(start[1])} move {way}", (start, end)


def _record(story: Story, rng: np.random.Generator) -> Film:
    """Choose what no caption mentions: length, holds, and the accidents of camera and drawing."""
    shortest = max(SECONDS[0], len(story.beats))
    seconds = int(rng.integers(shortest, min(shortest + 2, SECONDS[1]) + 1))
    holds = np.sort(rng.integers(0, len(story.beats), seconds - len(story.beats)))
    order = sorted([*range(len(story.beats)), *holds.tolist()])
    number = len(story.beats[0])

    def uniform(spread: float, count: int) -> tuple[float, ...]:
        return tuple(rng.uniform(-spread, spread, count).tolist())

    return Film(
        story=story,
        beats=tuple(story.beats[k] for k in order),
        offset=(rng.uniform(-1.5, 1.5), rng.uniform(-2.5, 2.5)),
        wobble=tuple((rng.uniform(-0.4, 0.4), rng.uniform(-1, 1)) for _ in range(number)),
        radius=tuple((rng.uniform(7.8, 8.8), rng.uniform(12.5, 14)) for _ in range(number)),
        tilt=_pick(rng, (-45.0, 45.0)),
        tint=tuple((*uniform(10, 3),) for _ in range(number + 1)),  # type: ignore[misc]
        texture=(rng.uniform(0, 9), *rng.uniform(0.05, 0.9, 2), *rng.uniform(0, 6.3, 2)),
        zoom=_pick(rng, (-0.008, 0.0, 0.0, 0.008)),
        shake=_pick(rng, (0.0, 0.0, 0.5)),
        shake_seed=int(rng.integers(2**31)),
    )

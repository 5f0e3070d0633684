"""The choice of stories and of their recordings: every random decision of the world is made here.

A story comes from a grammar of actions with a beginning and an end, made so that the sequence of
different captions decides the summary. Splits are by a hash of the summary: none is in two of them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from gap_assets.world.language import noun, phrase
from gap_assets.world.scene import (
    BACKGROUNDS,
    COLOURS,
    KINDS,
    ROWS,
    TILTABLE,
    Beat,
    Figure,
    Film,
    Story,
)

Split = Literal["train", "validation", "held-out"]
Told = tuple[str, Iterable[Beat]]  # a summary without its background, and what it tells
T = TypeVar("T")

INSIDE = ("left", "middle", "right")
SIDES = (("left", "right"), ("right", "left"))
SECONDS = (3, 8)  # shortest and longest video
TRAVELS = {"moves", "goes", "swings", "rises", "falls", "jumps", "dips", "bounces"}
DUETS = ("stay", "meet", "part", "collide", "swap", "jump over", "travel")


class Action(NamedTuple):
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
    background = _pick(rng, BACKGROUNDS)
    maker = _pick(rng, (_alone, _alone, _beside, _together, _together))
    while True:
        words, told = maker(rng)
        beats = tuple(beat for beat, _ in groupby(told))
        distinct = all(noun(a) != noun(b) for beat in beats for a, b in pairwise(beat))
        if len(beats) <= SECONDS[1] and distinct:
            return Story(beats=beats, summary=f"{words} {background}", background=background)


def _pick(rng: np.random.Generator, options: Iterable[T]) -> T:
    choices = tuple(options)
    return choices[int(rng.integers(len(choices)))]


def _figure(rng: np.random.Generator, **state: str | bool) -> Figure:
    drawn = {"column": _pick(rng, INSIDE), "row": _pick(rng, ROWS)}
    look = {"colour": _pick(rng, COLOURS), "kind": _pick(rng, KINDS)}
    return Figure(**{**look, **drawn, **state})  # type: ignore[arg-type]


def _at(figure: Figure, *columns: str) -> tuple[Figure, ...]:
    return tuple(replace(figure, column=column) for column in columns)


def actions(figure: Figure) -> Iterator[Action]:
    """Everything that a figure in its present state can do; nothing for one outside."""
    if not figure.visible:
        return
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
    up = figure.row == "bottom"
    other = replace(figure, row="top" if up else "bottom")
    yield Action("rises" if up else "falls", (figure, other))
    yield Action("jumps" if up else "dips", (figure, other, figure))
    yield Action("bounces", (figure, other) * 2)
    yield Action("bounces", (figure, other) * 2 + (figure,))
    resized = replace(figure, big=not figure.big)
    yield Action("shrinks" if figure.big else "grows", (figure, resized))
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
    if first == second or second == "enters":
        return False
    turns_corner = "moves" in (first, second) and bool({"rises", "falls"} & {first, second})
    return turns_corner or not {first, second} <= TRAVELS


def _choose(rng: np.random.Generator, options: Iterable[Action]) -> Action:
    by_verb: dict[str, list[Action]] = {}
    for option in options:
        by_verb.setdefault(option.verb, []).append(option)
    return _pick(rng, by_verb[_pick(rng, sorted(by_verb))])


def _alone(rng: np.random.Generator) -> Told:
    """One figure: it stays, acts, or acts twice."""
    figure = _figure(rng, big=bool(rng.random() < 0.3))
    phases = _pick(rng, (0, 1, 1, 1, 1, 2, 2, 2, 2, 2))
    if phases == 0:
        return f"{phrase(figure)} stays", [(figure,)]
    words, path = first = _choose(rng, actions(figure))
    if phases == 2:
        follow_ups = [a for a in actions(path[-1]) if _may_follow(first.verb, a.verb)]
        if not follow_ups:
            return _alone(rng)
        second = _choose(rng, follow_ups)
        words, path = f"{words} then {second.words}", path + second.path
    return f"{phrase(figure)} {words}", [(state,) for state in path]


def _beside(rng: np.random.Generator) -> Told:
    """Two figures far apart: one acts, the other rests."""
    mine, other = _pick(rng, SIDES)
    actor = _figure(rng, column=mine, big=bool(rng.random() < 0.3))
    rest = _figure(rng, column=other)
    calm = [a for a in actions(actor) if a.verb not in {"moves", "goes", "swings"}]
    words, path = _choose(rng, calm)
    return f"{phrase(actor)} {words} beside {phrase(rest)}", [(state, rest) for state in path]


def _together(rng: np.random.Generator) -> Told:
    """Two figures that act on each other."""
    row = _pick(rng, ROWS)
    left, right = _figure(rng, column="left", row=row), _figure(rng, column="right", row=row)
    duet = _pick(rng, DUETS)
    if duet in {"stay", "travel"}:
        right = replace(right, row=_pick(rng, ROWS))
    apart = (left, right)
    touching = _at(left, "touching left") + _at(right, "touching right")
    both = f"{phrase(left)} and {phrase(right)}"
    match duet:
        case "meet":
            return f"{both} meet", [apart, touching]
        case "part":
            together = f"{noun(left)} touching {noun(right)} at the {row} middle"
            return f"{together} part", [touching, apart]
        case "collide":
            return f"{both} collide", [apart, touching, apart]
        case "swap":
            rows = _pick(rng, (("top", "bottom"), ("bottom", "top")))
            passing = (
                replace(left, column="middle", row=rows[0]),
                replace(right, column="middle", row=rows[1]),
            )
            return f"{both} swap", [apart, passing, _at(left, "right") + _at(right, "left")]
        case "jump over":
            jumper, landed = _at(replace(left, row="bottom"), *_pick(rng, SIDES))
            above = replace(left, column="middle", row="top")
            hurdle = replace(right, column="middle", row="bottom")
            words = f"{phrase(jumper)} jumps over {phrase(hurdle)}"
            return words, [(jumper, hurdle), (above, hurdle), (landed, hurdle)]
        case "travel":
            early = _at(left, "left") + _at(right, "middle")
            late = _at(left, "middle") + _at(right, "right")
            start, end, way = _pick(rng, ((early, late, "right"), (late, early, "left")))
            return f"{phrase(start[0])} and {phrase(start[1])} move {way}", [start, end]
        case _:
            return f"{both} stay", [apart]


def _record(story: Story, rng: np.random.Generator) -> Film:
    """Choose what no caption mentions: length, holds, and the accidents of camera and drawing."""
    number, beats = len(story.beats[0]), len(story.beats)
    shortest = max(SECONDS[0], beats)
    seconds = int(rng.integers(shortest, min(shortest + 2, SECONDS[1]) + 1))
    held = rng.integers(0, beats, seconds - beats).tolist()
    return Film(
        story=story,
        beats=tuple(story.beats[k] for k in sorted([*range(beats), *held])),
        offset=(rng.uniform(-1.5, 1.5), rng.uniform(-2.5, 2.5)),
        wobble=tuple((rng.uniform(-0.4, 0.4), rng.uniform(-1, 1)) for _ in range(number)),
        radius=tuple((rng.uniform(7.8, 8.8), rng.uniform(12.5, 14)) for _ in range(number)),
        tilt=_pick(rng, (-45.0, 45.0)),
        tint=tuple(tuple(rng.uniform(-10, 10, 3).tolist()) for _ in range(number + 1)),
        texture=(rng.uniform(0, 9), *rng.uniform(0.05, 0.9, 2), *rng.uniform(0, 6.3, 2)),
        zoom=_pick(rng, (-0.008, 0.0, 0.0, 0.008)),
        shake=_pick(rng, (0.0, 0.0, 0.5)),
        shake_seed=int(rng.integers(2**31)),
    )

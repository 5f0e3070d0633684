"""The grid of short trainings that differ from one baseline in one choice: what is in it.

By default a training goes on from the embedded CoCa, which has learned to retrieve and to caption:
what moves is what a choice does to a finished network. From scratch, the same grid shows whole
lives of networks; that takes hours on a CPU.

Plain data: nothing here trains or imports torch, so that Dagster can list the cells.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

LastStage = Literal["none", "both", "captions", "new-both", "new-captions"]
"""Further steps: with both losses or that of captions alone, on whole captions or on new ones.

New captions leave things out as the contrasted ones do: a way to tell that the network has not
learned, as MS-COCO's is to a network that read alt texts.
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a cell besides its seed.

    The rest (model, optimizer, weights of the losses) is that of the embedded CoCa, in `coca`; a
    change there that alters a result raises `version`.
    """

    start: Literal["embedded", "scratch"] = "embedded"  # the embedded CoCa, or random weights

    omission: float = 0.5  # probability of each detail to be left out where texts are contrasted
    temperature: float = 0.01  # where it starts or stays
    learned_temperature: bool = False
    towers_alike: bool = False  # the text tower starts as a copy of the image tower
    batch: int = 32  # frames
    peak_rate: float = 1e-3
    last_stage: LastStage = "none"
    steps: int = 100
    last_steps: int = 100  # further steps, with an optimizer of their own
    warm_up: int = 10  # steps, of either stage
    films: int = 16_000
    held_out_films: int = 250
    captioned: int = 200  # held-out frames whose captions are compared
    version: int = 1

    @property
    def sha256(self) -> str:
        """Of all fields; results of different recipes never mix."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def observed(self) -> tuple[int, ...]:
        """The steps before which a cell is measured, and its end."""
        if self.last_stage == "none":
            return tuple(round(self.steps * share) for share in OBSERVED)
        return tuple(self.steps + round(self.last_steps * share) for share in OBSERVED)

    @property
    def work(self) -> int:
        """Frames that the cell's own steps see, a measure of its time."""
        return self.batch * (self.steps if self.last_stage == "none" else self.last_steps)


OBSERVED = (0, 1 / 20, 1 / 10, 1 / 5, 1 / 3, 1 / 2, 3 / 4, 1)  # shares of a stage
CAPTIONED = (1 / 2, 1)  # of these, the ones at which captions are decoded, too


WHOLE_LIVES = Recipe(
    start="scratch", batch=128, peak_rate=2e-3, steps=900, last_steps=300, warm_up=100
)


class Cell(NamedTuple):
    """One training."""

    condition: str
    seed: int


BASELINE = "baseline"
# A condition is what it changes in the baseline's recipe.
CONDITIONS: dict[str, dict[str, Any]] = {
    BASELINE: {},
    "omission-0": {"omission": 0.0},
    "omission-25": {"omission": 0.25},
    "omission-75": {"omission": 0.75},
    "last-stage-both": {"last_stage": "both"},
    "last-stage-captions": {"last_stage": "captions"},
    "last-stage-new-both": {"last_stage": "new-both"},
    "last-stage-new-captions": {"last_stage": "new-captions"},
    "temperature-05": {"temperature": 0.05},
    "temperature-learned": {"temperature": 0.07, "learned_temperature": True},
    "towers-apart": {"start": "scratch", "steps": 300},
    "towers-alike": {"start": "scratch", "steps": 300, "towers_alike": True},
    "batch-16": {"batch": 16},
    "batch-64": {"batch": 64},
}
# What the conditions of a dial are called, in the order of the dial.
DIALS: dict[str, dict[str, str]] = {
    "captions leave out": {
        "omission-0": "0",
        "omission-25": "0.25",
        BASELINE: "0.5",
        "omission-75": "0.75",
    },
    "last stage": {
        "last-stage-both": "contrast and captions",
        "last-stage-captions": "captions only",
    },
    "last stage, new captions": {
        "last-stage-new-both": "contrast and captions",
        "last-stage-new-captions": "captions only",
    },
    "temperature": {
        BASELINE: "0.01, frozen",
        "temperature-05": "0.05, frozen",
        "temperature-learned": "learned, from 0.07",
    },
    "towers start": {"towers-apart": "apart", "towers-alike": "alike"},
    "batch": {"batch-16": "16", BASELINE: "32", "batch-64": "64"},
}
SEEDS = (0, 1, 2)  # of batches, of what is left out and, from scratch, of initial weights
THREE_SEEDS = [c for c in CONDITIONS if c.startswith((BASELINE, "omission", "last-stage"))]


def recipe_of(condition: str, base: Recipe) -> Recipe:
    """The recipe of a condition, from that of the baseline."""
    return replace(base, **CONDITIONS[condition])


def grid() -> list[Cell]:
    """The cells of the grid, those of the first two dials first."""
    first = [Cell(condition, seed) for seed in SEEDS for condition in THREE_SEEDS]
    others = [c for c in CONDITIONS if c not in THREE_SEEDS]
    return first + [Cell(condition, seed) for condition in others for seed in SEEDS[:2]]

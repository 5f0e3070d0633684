"""The section *What makes a gap*: the grid that ships, beside the corpus at hand.

Every sentence is made of the grid's numbers; what they do not show is not said.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gap_assets.gap.causes import Grid, differences, shipped_grid, trend_p
from gap_assets.gap.reporting.numbers import number
from gap_assets.gap.reporting.verdict import LEVEL
from gap_assets.profiles import Profile

OMISSION, LAST_STAGE = "captions leave out", "last stage, new captions"
BOTH, ALONE = "last-stage-new-both", "last-stage-new-captions"
KNOWN_BOTH, KNOWN_ALONE = "last-stage-both", "last-stage-captions"
# Both write the captions with the same weights, so the texts are the same.
TEST = """\
gap run VIDEOS --models hub --data data/before \\
  --weights {before} \\
  --caption-weights {after}
gap run VIDEOS --models hub --data data/after \\
  --weights {after} \\
  --caption-weights {after}
gap report --compare data/before data/after --data data"""


def section(gap: float, profile: Profile | None, *, grid: Grid | None = None) -> dict[str, Any]:
    """What the page's template reads of the section.

    Args:
        gap: Of the corpus at hand, debiased.
        profile: That its CoCa belongs to; None for another model.
        grid: The trainings; those that ship by default.
    """
    from gap_assets.gap.reporting.figures.causes import dial_figure
    from gap_assets.gap.reporting.figures.style import exhibit

    grid = grid or shipped_grid()
    panels = {
        "Gap along training, by how much captions leave out": dial_figure(grid, OMISSION, here=gap),
        "Gap along the last stage of training": dial_figure(grid, LAST_STAGE, here=gap),
    }
    before, after = (profile.before_captions, profile.weights) if profile else (None, None)
    predicts = before and after
    return {
        "sentences": [*_shown(grid), *_concluded(grid, gap), *_own_training(profile)],
        "exhibit": exhibit("causes", panels, gap=number(gap, 2), seeds=_seeds(grid)),
        "prediction": prediction(grid, before=before, after=after) if before and after else None,
        "test": TEST.format(before=before, after=after) if predicts else None,
    }


def spread(values: Sequence[float]) -> str:
    """`0.731 ± 0.004`: mean and standard deviation over seeds."""
    own = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return number(float(np.mean(values)), 3) + own if values else ""


def _seeds(grid: Grid) -> int:
    """The seeds that each condition of the two dials has at least."""
    conditions = [name for dial in (OMISSION, LAST_STAGE) for name in grid.trained(dial)]
    return min((len(grid.ends(name, "gap")) for name in conditions), default=0)


def _shown(grid: Grid) -> Iterator[str]:
    conditions = grid.trained(OMISSION)
    ends = ", ".join(
        f"{spread(list(grid.ends(name, 'gap').values()))} at {label}"
        for name, label in conditions.items()
    )
    if ends:
        steps = grid.recipe["steps"]
        trained = {
            "embedded": f"The embedded CoCa was trained {steps} steps further",
            "scratch": f"Small CoCas were trained for {steps} steps",
        }[grid.recipe["start"]]
        yield (
            f"{trained} on drawn pictures, each time with one choice changed. The gap at the end,"
            " by the share of details that captions leave out where they are contrasted:"
            f" {ends} (mean ± standard deviation over seeds)."
        )


def _concluded(grid: Grid, gap: float) -> Iterator[str]:
    levels = [grid.ends(name, "gap") for name in grid.trained(OMISSION)]
    if len(levels) > 1 and trend_p(levels) <= LEVEL:
        yield (
            "What may be concluded: in a world of which everything is known, what captions leave"
            " out is enough to move the gap, with network, pictures and steps held fixed."
        )
    else:
        yield "What may be concluded: nothing on captions that leave things out; seeds disagree."
    yield (
        f"What may not: that the gap of {number(gap, 2)} here has the same cause, or how much these"
        " captions leave out. Other choices, such as the temperature, move a gap as well,"
        " production networks are far larger, and the seeds vary one small network's batches only;"
        " the line is there for the scale alone."
    )


def _own_training(profile: Profile | None) -> Iterator[str]:
    if profile and profile.trained_on:
        yield f"The network of this report was itself trained on {profile.trained_on}."


def supported(grid: Grid) -> tuple[Sequence[float], Sequence[float]] | None:
    """What captions alone do to gap and retrieval in the last stage, by seed.

    Returns:
        Differences from a last stage with contrast; None unless each seed has a wider gap and a
        lower recall.
    """
    gaps, recalls = (
        differences(grid.ends(BOTH, metric), grid.ends(ALONE, metric))
        for metric in ("gap", "recall_at_1")
    )
    agree = gaps and all(change > 0 for change in gaps) and all(change < 0 for change in recalls)
    return (gaps, recalls) if agree else None


def prediction(grid: Grid, *, before: str, after: str) -> str:
    """What the grid predicts for weights that were trained further on captions alone."""
    made = f"{after} was made from {before} by training on captions alone."
    found = supported(grid)
    if found is None:
        return (
            f"{made} The grid's seeds do not agree on what that does to gap and retrieval, so it"
            " predicts nothing here; the commands measure it."
        )
    gaps, recalls = (spread(list(changes)) for changes in found)
    return (
        f"{made} In the grid, a last stage of {grid.recipe['last_steps']} steps on new captions"
        f" alone changes the gap by {gaps} and recall at 1 by {recalls} against one that keeps the"
        f" contrast, with the same sign in each of {len(found[0])} seeds, which a coin shows in one"
        f" of {2 ** (len(found[0]) - 1)} cases.{_on_known(grid)} It predicts:"
        f" on the same videos and texts, {after} has a larger gap and a lower recall at 1 than"
        f" {before}. If either clearly comes out the other way, the grid is no guide to"
        " networks of this size."
    )


def _on_known(grid: Grid) -> str:
    """The same stage on captions that the network writes already, which is the weaker case."""
    gaps, recalls = (
        differences(grid.ends(KNOWN_BOTH, metric), grid.ends(KNOWN_ALONE, metric))
        for metric in ("gap", "recall_at_1")
    )
    if not gaps:
        return ""
    return (
        " On captions that the network writes already, the same stage changes them by"
        f" {spread(gaps)} and {spread(recalls)}."
    )


def table(grid: Grid, *, metrics: Sequence[str]) -> list[list[str]]:
    """Dial, condition, seeds, and each metric's mean and spread at the end: a row a condition."""
    rows = []
    for dial in grid.dials:
        for condition, label in grid.trained(dial).items():
            ends = [list(grid.ends(condition, metric).values()) for metric in metrics]
            seeds = str(len(ends[0]))
            rows.append([dial, label, seeds, *(spread(values) for values in ends)])
    return rows

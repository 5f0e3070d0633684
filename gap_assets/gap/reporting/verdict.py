"""The verdict: whether the gap and the cones are there, by intervals against stated bounds.

There are three outcomes. An effect is *present* if its whole 95 % interval lies at or above the
smallest effect of interest, *smaller* if all of it lies below, and *undetermined* otherwise: an
equivalence test beside a minimum-effect test (Lakens et al. 2018), each wrong in at most 2.5 % of
cases. `benchmarks/coverage.py` counts how often both are wrong over simulated truths.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gap_assets.gap.metric_rows import MetricRow
from gap_assets.gap.metrics.resampling import LEAST_UNITS
from gap_assets.gap.reporting.numbers import Numbers, number, with_interval

LEVEL = 0.05  # of the label flips; n pairs reach 2 / 2^n at least

Outcome = Literal["present", "smaller", "undetermined"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What can be said about a main pair.

    Attributes:
        outcomes: `gap`, `cone_video` and `cone_text`; empty where no verdict can be given.
        sentences: The same in words, with the numbers that it rests on.
    """

    outcomes: dict[str, Outcome]
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one paragraph."""
        return " ".join(self.sentences)


def verdict(numbers: Numbers, *, withheld: str | None = None) -> Verdict:
    """A sentence on the gap, one on what stands beside it, and one on the cones.

    Args:
        numbers: The stored numbers.
        withheld: Why nothing can be said whatever the numbers are, and what to do; a sentence.
    """
    gap = numbers.find("centroid_gap_debiased")
    if withheld is not None:
        return Verdict(outcomes={}, sentences=(f"There is no verdict: {withheld}",))
    if gap is None:
        return Verdict(
            outcomes={}, sentences=("There are no metrics for this pair of sources yet.",)
        )
    cones = {name: row for name in ("video", "text") if (row := numbers.find(f"cone_{name}"))}
    outcomes: dict[str, Outcome] = {"gap": gap_outcome(numbers)}
    outcomes |= {f"cone_{k}": outcome(r, numbers.plan.smallest_cone) for k, r in cones.items()}
    on_gap = _on_gap(numbers, gap, outcomes["gap"])
    sentences = (on_gap, *_beside(numbers), *_on_cones(numbers, cones, outcomes))
    return Verdict(outcomes=outcomes, sentences=sentences)


def outcome(row: MetricRow | None, smallest: float) -> Outcome:
    """Where an interval lies against the smallest effect of interest."""
    if row is None or row.ci_low is None or row.ci_high is None:
        return "undetermined"
    if row.ci_low >= smallest:
        return "present"
    return "smaller" if row.ci_high < smallest else "undetermined"


def gap_outcome(numbers: Numbers) -> Outcome:
    """The same for the debiased gap, which flipped labels must not reach either."""
    found = outcome(numbers.find("centroid_gap_debiased"), numbers.plan.smallest_gap)
    return "undetermined" if found == "present" and not _beyond_flips(numbers) else found


def _beyond_flips(numbers: Numbers) -> bool:
    # Without the test, as where no permutations are asked for, the interval decides.
    return not numbers.value("sign_flip_p_value") > LEVEL


def _on_gap(numbers: Numbers, gap: MetricRow, found: Outcome) -> str:
    smallest, shown = f"{numbers.plan.smallest_gap:g}", with_interval(gap)
    match found:
        case "present":
            return (
                f"The modality gap exists here: {shown}, all of it above {smallest}, the smallest"
                " gap of interest."
            )
        case "smaller":
            there = gap.ci_low is not None and gap.ci_low > 0 and _beyond_flips(numbers)
            return (
                f"There is no modality gap of interest here: {shown} lies below {smallest}, the"
                f" smallest gap of interest{', though not at 0' if there else ''}."
            )
        case _:
            return f"Whether there is a modality gap is undetermined: {_why(numbers, gap)}"


def _why(numbers: Numbers, gap: MetricRow) -> str:
    smallest, shown = f"{numbers.plan.smallest_gap:g}", with_interval(gap)
    known = numbers.find("independent_videos")
    units = int(known.value) if known else gap.n
    if gap.ci_low is None:
        return f"{shown} from {units} independent videos; an interval needs {LEAST_UNITS}."
    if gap.ci_low >= numbers.plan.smallest_gap:
        p = number(numbers.value("sign_flip_p_value"))
        return (
            f"{shown}, but flipped labels give as large a gap with p = {p}, and {units} videos"
            f" cannot do better than {number(2 ** (1 - units))}."
            if 2 ** (1 - units) > LEVEL
            else f"{shown}, but flipped labels give as large a gap with p = {p}."
        )
    some = " There is some gap:" if gap.ci_low > 0 and _beyond_flips(numbers) else ""
    return (
        f"{shown} lies on both sides of {smallest}, the smallest gap of interest.{some}"
        f"{' how large it is takes more videos to tell.' if some else ' More videos would tell.'}"
    )


def _beside(numbers: Numbers) -> Iterator[str]:
    rmg, excess = numbers.find("rmg"), numbers.find("knn_same_modality_excess")
    null, p = numbers.value("sign_flip_null_gap"), numbers.value("sign_flip_p_value")
    if not math.isnan(p):
        yield f"Flipping labels within random pairs gives {number(null)} (p = {number(p)})."
    if rmg and excess:
        yield (
            f"Relative to the spread of each modality it is {with_interval(rmg)} (RMG), and"
            f" {number(100 * excess.value, 1)} points more of the nearest neighbours are of the own"
            " modality than with swapped labels."
        )


def _on_cones(
    numbers: Numbers, cones: dict[str, MetricRow], outcomes: dict[str, Outcome]
) -> Iterator[str]:
    if len(cones) < 2:
        return
    smallest = f"{numbers.plan.smallest_cone:g}"
    shown = {name: f"{with_interval(row)} for {name}s" for name, row in cones.items()}
    found = {name: outcomes[f"cone_{name}"] for name in cones}
    both = " and ".join(shown.values())
    bound = f"the smallest of interest is {smallest}"
    match set(found.values()):
        case values if values == {"present"}:
            yield (
                f"So does the cone effect: the mean cosine is {both}; {bound}."
                if outcomes["gap"] == "present"
                else f"The cone effect exists: the mean cosine is {both}; {bound}."
            )
        case values if values == {"smaller"}:
            yield f"There is no cone of interest: the mean cosine is {both}; {bound}."
        case values if values == {"undetermined"}:
            yield f"The cone effect is undetermined: the mean cosine is {both}; {bound}."
        case _:
            words = {"present": "exists", "smaller": "is too small to matter"}
            each = (
                f"{words.get(found[name], 'is undetermined')} for {name}s"
                f" ({with_interval(cones[name])})"
                for name in cones
            )
            yield f"The cone effect {' and '.join(each)}: mean cosines, of which {bound}."

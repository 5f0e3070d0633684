"""The section *The cone effect, layer by layer*: what depth, width and dimension do to a cone.

Every sentence is made of the rows of `cone_profile` and of random perceptrons that are drawn here.
Those depend on no corpus and take two seconds, so they are computed with the page and not stored.
A direction is named only where intervals, or the networks' spread, leave no other.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from gap_assets.gap.cones import (
    CLASS,
    IMAGE,
    LEAST_SEEDS,
    OUTPUT,
    PATCHES,
    TEXT,
    Change,
    ConeProfile,
    ConeRow,
    Part,
    apart,
    change,
)
from gap_assets.gap.metric_rows import FRAMES, NOISE
from gap_assets.gap.metrics.cone import half_angle, log10_cap_share
from gap_assets.gap.metrics.random_networks import HE, PAPER, RandomCones, random_cones
from gap_assets.gap.report.verdict import mean_and_spread, number

SMALL_DIMENSION = 16
SAME = 0.9999


def section(
    rows: Sequence[ConeRow],
    *,
    encoder: str,
    dimension: int,
    random: RandomCones | None = None,
) -> dict[str, Any] | None:
    """What the page's template reads of the section; None without rows of the trained network.

    Args:
        rows: The content of `cone_profile`.
        encoder: The name of the trained network.
        dimension: Of its embeddings.
        random: The random perceptrons; by default those of the usual size.
    """
    from gap_assets.gap.report.figures import cone as figures
    from gap_assets.gap.report.figures import style

    profile = ConeProfile(rows, encoder)
    parts = {name: part for name, part in _parts(profile).items() if profile.curve(part)}
    if not parts:
        return None
    random = random or random_cones()
    outputs = _outputs(profile)
    by_depth = {
        f"Cone of the {name} by block": figures.depth_figure(profile, part, title=name)
        for name, part in parts.items()
    }
    colours = {"images": style.VIDEO, "texts": style.TEXT}
    points = [(name, colours[name], row.cone) for name, row in outputs.items()]
    by_width: dict[str, Any] = {
        f"Cone of random {name} networks by width": figures.width_figure(random, name)
        for name in ("tanh", "ReLU")
    }
    by_width["Share of the sphere by dimensions"] = figures.cap_figure(points, dimension)
    kinds = {row.n for row in outputs.values()}
    return {
        "sentences": [
            *_untrained(profile, parts),
            *_trained(profile, parts),
            *_at_the_output(profile, outputs),
            *_by_width(random),
            *_caps(outputs, dimension),
        ],
        "exhibits": [
            style.exhibit("cone_depth", by_depth, n=max(kinds), networks=len(profile.untrained)),
            style.exhibit("cone_width", by_width, seeds=len(random.by_kind["tanh", PAPER])),
        ],
    }


def _parts(profile: ConeProfile) -> dict[str, Part]:
    return {
        "image class token": Part(IMAGE, CLASS, FRAMES),
        "mean patch token": Part(IMAGE, PATCHES, FRAMES),
        "text token": Part(TEXT, CLASS, profile.text_source or ""),
    }


def _outputs(profile: ConeProfile) -> dict[str, ConeRow]:
    parts = {
        "images": Part(IMAGE, OUTPUT, FRAMES),
        "texts": Part(TEXT, OUTPUT, profile.text_source or ""),
    }
    found = {name: profile.curve(part) for name, part in parts.items()}
    return {name: curve[-1] for name, curve in found.items() if curve}


def _untrained(profile: ConeProfile, parts: dict[str, Part]) -> Iterator[str]:
    """What depth does before any training, and what that says of the paper's explanation."""
    networks = len(profile.untrained)
    if not networks:
        yield "No untrained network was measured, so nothing is said of depth before training."
        return
    ways: dict[str, Change | None] = {}
    told = []
    for name, part in parts.items():
        ends = [(curve[1].cone, curve[-1].cone) for curve in profile.curves(part)]
        if not ends:
            continue
        first, last = ([end[i] for end in ends] for i in (0, 1))
        ways[name] = change(first, last)
        told.append(f"the {name} {_goes(ways[name])} {_from_to(first, last)}")
    if not told:
        return
    yield (
        f"In {networks} untrained network{'s' if networks > 1 else ''}, from behind the first block"
        f" to behind the last, the mean cosine of {_listed(told)}"
        f" (mean ± standard deviation over networks).{_at_first(profile, parts)}"
    )
    yield from _explained(ways, networks)


def _goes(way: Change | None) -> str:
    return way or "goes, in no direction that the networks agree on,"


def _from_to(first: Sequence[float], last: Sequence[float]) -> str:
    return f"from {mean_and_spread(first)} to {mean_and_spread(last)}"


def _at_first(profile: ConeProfile, parts: dict[str, Part]) -> str:
    """That class tokens start alike, where they do."""
    starts = [
        row.cone
        for part in parts.values()
        if part.token == CLASS
        for curve in [profile.curve(part), *profile.curves(part)]
        for row in curve[:1]
    ]
    if min(starts, default=0) < SAME:
        return ""
    return " Before the first block these class tokens are the same for all items, a cone of 1."


def _explained(ways: dict[str, Change | None], networks: int) -> Iterator[str]:
    if networks < LEAST_SEEDS:
        yield f"{networks} untrained networks are too few to say what depth does."
        return
    grouped = {way: [name for name, w in ways.items() if w == way] for way in ("rises", "falls")}
    unclear = [name for name, way in ways.items() if way is None]
    holds, fails = (_listed(grouped[way], "the ") for way in ("rises", "falls"))
    told = "The paper explains the cone by depth: each layer narrows it. From first to last block"
    if holds:
        told += f" that holds here for {holds}"
    if fails:
        told += f"{', and' if holds else ' that'} does not hold for {fails}, whose cone widens"
    if unclear:
        told += f"{'; it' if holds or fails else ' it'} is undetermined for "
        told += _listed(unclear, "the ")
    yield f"{told}."


def _trained(profile: ConeProfile, parts: dict[str, Part]) -> Iterator[str]:
    told = []
    for name, part in parts.items():
        curve = profile.curve(part)
        first, last = curve[1], curve[-1]
        way = apart(first, last) or "goes, within what its intervals leave open,"
        told.append(f"the {name} {way} from {_value(first)} to {_value(last)}")
    yield f"In the trained network, over the same blocks, that of {_listed(told)}."


def _value(row: ConeRow) -> str:
    if row.ci_low is None or row.ci_high is None:
        return number(row.cone, 2)
    return f"{number(row.cone, 2)} [{number(row.ci_low, 2)}, {number(row.ci_high, 2)}]"


def _at_the_output(profile: ConeProfile, outputs: dict[str, ConeRow]) -> Iterator[str]:
    told = []
    for name, row in outputs.items():
        part = Part(row.tower, row.token, row.source)
        others = [curve[-1] for curve in profile.curves(part)]
        said = f"{_value(row)} for {name}"
        if others:
            said += (
                f" ({mean_and_spread([o.cone for o in others])} untrained: {_than(row, others)})"
            )
        told.append(said)
    if not told:
        return
    noise = Part(IMAGE, OUTPUT, NOISE)
    of_noise = profile.curve(noise)
    before = [curve[-1].cone for curve in profile.curves(noise)]
    more = f"; on pictures of noise {_value(of_noise[0])}" if of_noise else ""
    more += f" ({mean_and_spread(before)} untrained)" if of_noise and before else ""
    yield f"At the output the trained network's cone is {_listed(told)}{more}."


def _than(row: ConeRow, others: Sequence[ConeRow]) -> str:
    """The trained cone against that of every untrained network, by intervals that do not meet."""
    ways = {apart(other, row) for other in others}
    if ways == {"falls"}:
        return "training has widened the cone" if len(others) >= LEAST_SEEDS else "wider"
    if ways == {"rises"}:
        return "training has narrowed it" if len(others) >= LEAST_SEEDS else "narrower"
    return "no difference from all of them is certain"


def _by_width(random: RandomCones) -> Iterator[str]:
    widths = random.widths
    depth = random.by_kind["tanh", PAPER].shape[2] - 1
    told = []
    for name in ("tanh", "ReLU"):
        cones = random.by_kind[name, PAPER]
        narrow, wide = (list(cones[:, column, depth]) for column in (0, -1))
        shallow = list(cones[:, -1, 1])
        told.append(
            f"the cone of {name} {_goes(change(narrow, wide))} {_from_to(narrow, wide)} from"
            f" {widths[0]} to {widths[-1]:,} units, and at {widths[-1]:,} units it"
            f" {_goes(change(shallow, wide))} {_from_to(shallow, wide)} from 1 to {depth} layers"
        )
    tanh, relu = (random.by_kind[name, HE][:, :, depth] for name in ("tanh", "ReLU"))
    ends = [list(relu[:, column]) for column in (0, -1)]
    yield (
        f"In random networks of {depth} layers with the paper's weights and biases,"
        f" {_listed(told)}."
        f" Without biases (He's start) tanh is odd and makes no cone (at most"
        f" {number(float(abs(tanh.mean(0)).max()), 2)} at any width), and that of ReLU"
        f" {_goes(change(*ends))} {_from_to(*ends)} over the same widths."
    )


def _caps(outputs: dict[str, ConeRow], dimension: int) -> Iterator[str]:
    """What “smaller regions” means: the same angle, and less of the sphere."""
    told = []
    for name, row in outputs.items():
        angle = half_angle(row.cone)
        here, small = (log10_cap_share(angle, d) for d in (dimension, SMALL_DIMENSION))
        told.append(
            f"{name} lie about {math.degrees(angle):.0f}° from their mean direction, and a cap of"
            f" that half-angle is {_power(here)} of the sphere in {dimension} dimensions,"
            f" {_power(small)} in {SMALL_DIMENSION}"
        )
    if told:
        yield (
            "What shrinks with dimension is the share of the sphere, not the angle:"
            f" {_listed(told)}."
        )


def _power(log: float) -> str:
    """A share for people: a percentage, or a power of ten."""
    if log > -3:
        return f"{10**log:.2%}"
    return f"10^{number(round(log), 0)}"


def _listed(parts: Sequence[str], article: str = "") -> str:
    """`a, b and c`."""
    parts = [f"{article}{part}" for part in parts]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)

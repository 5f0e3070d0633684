"""The section *The cone effect, layer by layer*: what depth, width and dimension do to a cone.

Every sentence is made of the rows of `cone_profile` and of random perceptrons that are drawn here.
Those depend on no corpus and take some seconds, so they are computed with the page, not stored.
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
from gap_assets.gap.pairs import FloatArray
from gap_assets.gap.reporting.causes import spread
from gap_assets.gap.reporting.numbers import mean_and_spread, number

SMALL_DIMENSION = 16
SAME = 0.9999
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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
    from gap_assets.gap.reporting.figures import cone as figures
    from gap_assets.gap.reporting.figures import style

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
            _trained(profile, parts),
            _at_the_output(profile, outputs),
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
        "text token": Part(TEXT, CLASS, profile.text_source or ""),
        "mean patch token": Part(IMAGE, PATCHES, FRAMES),
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
        if ends:
            first, last = ([end[i] for end in ends] for i in (0, 1))
            ways[name] = change(first, last)
            told.append(_at(name, ways[name], mean_and_spread(first), mean_and_spread(last)))
    if told:
        yield (
            f"In {_counted(networks)} (mean ± standard deviation), from behind the first block to"
            f" behind the last, the mean cosine {_listed(told)}.{_at_first(profile, parts)}"
        )
        yield _explained(ways, networks)


def _counted(networks: int) -> str:
    return f"{networks} untrained network{'s' if networks > 1 else ''}"


def _at(name: str, way: Change | None, first: str, last: str) -> str:
    """`falls from 0.95 to 0.54 at the image class token`."""
    if way:
        return f"{way} from {first} to {last} at the {name}"
    return f"goes in no certain direction at the {name} (from {first} to {last})"


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
    return " Before the first block a class token is the same for all items: a cone of 1."


def _explained(ways: dict[str, Change | None], networks: int) -> str:
    if networks < LEAST_SEEDS:
        return f"{_counted(networks)} cannot say what depth does; {LEAST_SEEDS} could."
    places: dict[Change | None, str] = {
        way: _listed([f"the {name}" for name, w in ways.items() if w == way])
        for way in ways.values()
    }
    told = []
    if "rises" in places:
        told.append(f"that holds for {places['rises']}")
    if "falls" in places:
        told.append(f"the contrary holds for {places['falls']}, whose cone widens")
    if None in places:
        told.append(f"it is undetermined for {places[None]}")
    return (
        "The paper explains the cone by depth: each layer narrows it, and the mean cosine rises."
        f" From first to last block {'; '.join(told)}."
    )


def _trained(profile: ConeProfile, parts: dict[str, Part]) -> str:
    told = []
    for name, part in parts.items():
        curve = profile.curve(part)
        first, last = curve[1], curve[-1]
        told.append(_at(name, apart(first, last), _value(first), _value(last)))
    return f"In the trained network, over the same blocks, it {_listed(told)}."


def _value(row: ConeRow) -> str:
    if row.ci_low is None or row.ci_high is None:
        return number(row.cone, 2)
    return f"{number(row.cone, 2)} [{number(row.ci_low, 2)}, {number(row.ci_high, 2)}]"


def _at_the_output(profile: ConeProfile, outputs: dict[str, ConeRow]) -> str:
    """The embeddings' cones before and after training; those of noise, which nobody learned."""
    shown = dict(outputs)
    for row in profile.curve(Part(IMAGE, OUTPUT, NOISE)):
        shown["pictures of noise"] = row
    told = []
    for name, row in shown.items():
        others = [curve[-1] for curve in profile.curves(Part(row.tower, row.token, row.source))]
        said = f"{name} have a cone of {_value(row)}"
        if others:
            cones = mean_and_spread([other.cone for other in others])
            said += f", untrained networks give {cones} ({_than(row, others)})"
        told.append(said)
    return f"At the output of the trained network {'; '.join(told)}."


def _than(row: ConeRow, others: Sequence[ConeRow]) -> str:
    """The trained cone against that of every untrained network, by intervals that do not meet."""
    ways = {apart(other, row) for other in others}
    if ways == {"falls"}:
        return "the trained cone is wider than each of theirs"
    if ways == {"rises"}:
        return "the trained cone is narrower than each of theirs"
    return "no certain difference from each of theirs"


def _by_width(random: RandomCones) -> Iterator[str]:
    """What width and depth do to random perceptrons, with the paper's biases and without any."""
    depth = random.by_kind["tanh", PAPER].shape[2] - 1
    narrowest, widest = random.widths[0], random.widths[-1]
    of_paper = {name: random.by_kind[name, PAPER] for name in ("tanh", "ReLU")}
    by_width = [
        _way(f"that of {name}", cones[:, 0, depth], cones[:, -1, depth])
        for name, cones in of_paper.items()
    ]
    by_depth = [
        _way(f"that of {name}", cones[:, -1, 1], cones[:, -1, depth])
        for name, cones in of_paper.items()
    ]
    tanh, relu = (random.by_kind[name, HE][:, :, depth] for name in ("tanh", "ReLU"))
    yield (
        f"The cone of random networks with the paper's weights and biases, by width, from"
        f" {narrowest} to {widest:,} units in {depth} layers: {_listed(by_width)}. By depth, from 1"
        f" layer to {depth} of {widest:,} units: {_listed(by_depth)}. Without biases (He's start)"
        f" the mean cosine behind {depth} layers of tanh stays within"
        f" {number(float(abs(tanh.mean(0)).max()))} of 0 at every width, and"
        f" {_way('that of ReLU', relu[:, 0], relu[:, -1])} over these widths."
    )


def _way(name: str, first: FloatArray, last: FloatArray) -> str:
    """`that of tanh falls from 0.945 ± 0.026 to 0.107 ± 0.008`; a value for each network."""
    ends = f"from {spread(list(first))} to {spread(list(last))}"
    way = change(list(first), list(last))
    return f"{name} {way} {ends}" if way else f"{name} goes in no certain direction ({ends})"


def _caps(outputs: dict[str, ConeRow], dimension: int) -> Iterator[str]:
    """What “smaller regions” means: the same angle, and less of the sphere."""
    told = []
    for name, row in outputs.items():
        angle = half_angle(row.cone)
        here, small = (_power(log10_cap_share(angle, d)) for d in (dimension, SMALL_DIMENSION))
        told.append(
            f"{name} lie about {math.degrees(angle):.0f}° from their mean direction, which spans"
            f" {here} of the sphere in {dimension} dimensions and would span {small} in"
            f" {SMALL_DIMENSION}"
        )
    if told:
        yield (
            "That embeddings occupy smaller regions with a growing number of dimensions is true of"
            f" the share of the sphere that a cap of one angle covers: here {'; '.join(told)}."
        )


def _power(log: float) -> str:
    """A share for people: a percentage, or a power of ten."""
    if log > -3:
        return f"{10**log:.2%}"
    return "10" + f"{round(log)}".translate(SUPERSCRIPT)


def _listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)

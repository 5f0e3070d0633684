"""What the section says of cones by depth and width: what is certain, and nothing beyond it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.gap.cones import ConeProfile, ConeRow, Part, apart, change
from gap_assets.gap.metrics.random_networks import random_cones
from gap_assets.gap.reporting.cone import section
from gap_assets.gap.reporting.report import write_report
from gap_assets_tests.gap.reporting.test_report import Page, inputs

PARTS = {  # first and last block, untrained
    ("image", "class", "frames"): (0.95, 0.55),
    ("image", "class", "noise"): (0.97, 0.6),
    ("image", "patches", "frames"): (0.13, 0.28),
    ("text", "class", "summary"): (0.49, 0.73),
}
OUTPUTS = {("image", "frames"): 0.29, ("image", "noise"): 0.33, ("text", "summary"): 0.72}
LAYERS = 4


@pytest.fixture(scope="module")
def random():
    return random_cones(widths=(16, 256), depth=4, seeds=5, items=30)


def rows(*, seeds=3, spread=0.01, parts=PARTS, shift=-0.1, half_width=0.02):
    """A profile of a trained network, `shift` from untrained ones that are `spread` apart."""
    made = []
    for encoder, off in [("coca", shift), *((f"untrained-{s}", spread * s) for s in range(seeds))]:
        for (tower, token, source), (first, last) in parts.items():
            for layer, cone in enumerate(np.linspace(first, last, LAYERS), start=1):
                # Seeds differ in the change itself, and not only in the level.
                value = cone + off * (1 + layer)
                ends = (value - half_width, value + half_width)
                made.append(ConeRow(encoder, tower, token, layer, source, value, *ends, 30))
            start = 1.0 if token == "class" else first
            made.append(ConeRow(encoder, tower, token, 0, source, start, None, None, 30))
        for (tower, source), cone in OUTPUTS.items():
            value = cone + off
            ends = (value - half_width, value + half_width)
            made.append(ConeRow(encoder, tower, "output", LAYERS, source, value, *ends, 30))
    return made


def text_of(made, random):
    told = section(made, encoder="coca", dimension=96, random=random)
    return " ".join(told["sentences"])


def test_each_token_goes_its_own_way(random):
    text = text_of(rows(), random)
    assert "In 3 untrained networks (mean ± standard deviation), from behind the first" in text
    assert "falls from 0.97 ± 0.02 to 0.60 ± 0.05 at the image class token" in text
    assert "rises from 0.15 ± 0.02 to 0.33 ± 0.05 at the mean patch token" in text
    assert "that holds for the text token and the mean patch token" in text
    assert "the contrary holds for the image class token, whose cone widens" in text
    assert "undetermined" not in text
    assert "the same for all items: a cone of 1" in text


def test_seeds_that_disagree_leave_it_undetermined(random):
    text = text_of(rows(spread=0.3), random)
    assert text.count("goes in no certain direction at the") == 3
    assert "is undetermined for the image class token, the text token and the mean" in text
    assert "that holds" not in text


def test_two_networks_are_too_few(random):
    text = text_of(rows(seeds=2), random)
    assert "2 untrained networks cannot say what depth does" in text
    assert "that holds" not in text


def test_without_untrained_networks_only_the_trained_one_is_told(random):
    text = text_of(rows(seeds=0), random)
    assert "No untrained network was measured" in text
    assert "untrained networks give" not in text
    assert "In the trained network" in text


def test_training_is_said_to_change_a_cone_only_where_intervals_do_not_meet(random):
    assert text_of(rows(), random).count("wider than each of theirs") == 3
    assert text_of(rows(shift=0.1), random).count("narrower than each of theirs") == 3
    unclear = text_of(rows(half_width=0.2), random)
    assert "than each of theirs" not in unclear
    assert unclear.count("no certain difference from each of theirs") == 3
    assert "goes in no certain direction at the mean patch token" in unclear


def test_layers_without_intervals_give_no_direction(random):
    made = [row._replace(ci_low=None, ci_high=None) for row in rows()]
    text = text_of(made, random)
    assert text.count("goes in no certain direction at the") == 3
    assert "than each of theirs" not in text


def test_the_width_and_the_cap_are_told_with_their_numbers(random):
    text = text_of(rows(), random)
    tanh = random.by_kind["tanh", "paper"][:, :, -1].mean(axis=0)
    assert f"that of tanh falls from {tanh[0]:.3f} ±" in text
    assert re.search(r"Without biases .* of tanh stays within 0\.0\d\d of 0", text)
    assert re.search(r"images lie about \d+° from their mean direction", text)
    assert re.search(r"spans 10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+ of the sphere in 96 dimensions", text)


def test_without_rows_there_is_no_section(random):
    assert section([], encoder="coca", dimension=96, random=random) is None
    assert section(rows(), encoder="another", dimension=96, random=random) is None


def test_texts_may_be_missing(random):
    made = [row for row in rows() if row.tower == "image"]
    told = section(made, encoder="coca", dimension=96, random=random)
    assert "text token" not in " ".join(told["sentences"])
    assert len(told["exhibits"][0]["panels"]) == 2


def test_the_figures_fit_a_phone(random):
    told = section(rows(), encoder="coca", dimension=96, random=random)
    depth, width = told["exhibits"]
    assert (depth["title"], width["title"]) == ("Cone by depth", "Cone by width")
    assert len(depth["panels"]) == len(width["panels"]) == 3
    assert not depth["wide"]
    assert not width["wide"]
    assert "3 untrained networks" in depth["caption"]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.floats(-1, 1))
def test_no_change_has_no_direction_and_the_reverse_has_the_other(first, shift):
    last = [value + shift for value in first]
    assert change(first, first) is None
    opposite = {"rises": "falls", "falls": "rises", None: None}
    assert opposite[change(first, last)] == change(last, first)
    if len(first) < 3:
        assert change(first, last) is None
    elif abs(shift) > 1e-6:
        assert change(first, last) == ("rises" if shift > 0 else "falls")


def test_intervals_that_meet_are_not_apart():
    one = ConeRow("coca", "image", "class", 1, "frames", 0.5, 0.4, 0.6, 9)
    assert apart(one, one._replace(ci_low=0.6, ci_high=0.7)) is None
    assert apart(one, one._replace(ci_low=0.61, ci_high=0.7)) == "rises"
    assert apart(one, one._replace(ci_low=0.1, ci_high=0.3)) == "falls"
    assert apart(one, one._replace(ci_low=None)) is None


def test_curves_are_looked_up_by_network_and_layer():
    profile = ConeProfile(rows()[::-1], "coca")
    curve = profile.curve(Part("image", "class", "noise"))
    assert [row.layer for row in curve] == list(range(LAYERS + 1))
    assert {row.encoder for row in curve} == {"coca"}
    assert len(profile.curves(Part("text", "class", "summary"))) == 3
    assert profile.text_source == "summary"


def test_the_page_has_the_section_where_there_are_rows(tmp_path):
    with_rows = write_report(inputs(cones=rows()), tmp_path / "with").html
    page = Page(with_rows.read_text(encoding="utf-8"))
    assert page.open == []
    text = " ".join(page.text)
    places = ["Ten numbers", "The cone effect, layer by layer", "What makes a gap"]
    assert places == sorted(places, key=text.index)
    without = write_report(inputs(), tmp_path / "without").html.read_text(encoding="utf-8")
    assert "layer by layer" not in without

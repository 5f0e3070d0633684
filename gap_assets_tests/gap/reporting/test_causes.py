"""What the section says of a grid: what its seeds show, and nothing where they disagree."""

from dataclasses import replace

import pytest

from gap_assets.gap.causes import CauseRow, Grid, shipped_grid
from gap_assets.gap.reporting.causes import ALONE, BOTH, prediction, section, supported, table
from gap_assets.profiles import PROFILES

LEVELS = {"omission-0": 0.3, "omission-25": 0.5, "baseline": 0.7, "omission-75": 0.8}


def grid(*, flipped=False, widening=0.2):
    """A grid of three seeds; the last seed's levels may be turned round."""
    rows = []
    for seed in range(3):
        gaps = list(LEVELS.values())
        if flipped and seed:
            gaps = gaps[::-1]
        ends = dict(zip(LEVELS, gaps, strict=True)) | {BOTH: 0.7, ALONE: 0.7 + widening}
        if widening < 0 and seed:
            ends[ALONE] = 0.9
        for condition, gap in ends.items():
            recall = 0.2 if condition == ALONE else 0.9
            for step, value in ((0, 0.75), (100, gap + 0.01 * seed)):
                rows.append(CauseRow(condition, seed, step, "gap", value))
                rows.append(CauseRow(condition, seed, step, "recall_at_1", recall))
    return replace(shipped_grid(), rows=rows)


def commands(made):
    """The lines of the prediction's test, as a shell joins them."""
    return [" ".join(line.split()) for line in made["test"].replace("\\\n", "").splitlines()]


def test_the_ends_are_named_with_their_spread_and_what_they_do_not_show():
    made = section(0.42, None, grid=grid())
    text = " ".join(made["sentences"])
    assert "0.310 ± 0.010 at 0, 0.510 ± 0.010 at 0.25" in text
    assert "is enough to move the gap" in text
    assert "What may not: that the gap of 0.42 here has the same cause" in text
    assert "at least 3 seeds" in made["exhibit"]["caption"]
    assert len(made["exhibit"]["panels"]) == 2
    assert made["prediction"] is None


def test_seeds_that_disagree_conclude_nothing():
    text = " ".join(section(0.42, None, grid=grid(flipped=True))["sentences"])
    assert "nothing on captions that leave things out" in text
    assert "is enough" not in text


def test_the_embedded_network_says_what_it_was_trained_on():
    made = section(0.8, PROFILES["embedded"], grid=grid())
    assert "probability of one half" in made["sentences"][-1]
    assert made["prediction"] is None


def test_hub_weights_carry_a_prediction_and_the_command_that_tests_it():
    made = section(0.8, PROFILES["hub"], grid=grid())
    assert "has a larger gap and a lower recall at 1 than laion2B-s13B-b90k" in made["prediction"]
    assert "0.200 ± 0.000" in made["prediction"]
    assert "−0.700 ± 0.000" in made["prediction"]
    assert "one of 4 cases" in made["prediction"]
    first, second, third = commands(made)
    assert "--weights laion2B-s13B-b90k --caption-weights mscoco_finetuned" in first
    assert second.count("mscoco_finetuned_laion2B-s13B-b90k") == 2
    assert third.startswith("gap report --compare data/before data/after")


def test_the_test_of_the_prediction_is_made_of_options_that_exist():
    from typer.testing import CliRunner

    from gap_assets.cli import app

    made = section(0.8, PROFILES["hub"], grid=grid())
    for line in commands(made):
        command = line.split()[1]
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        for option in (word for word in line.split() if word.startswith("--")):
            assert option in shown


def test_a_prediction_that_a_seed_contradicts_is_not_made():
    made = grid(widening=-0.1)
    assert supported(made) is None
    assert "predicts nothing" in prediction(made, before="a", after="b")


def test_the_weaker_case_stands_beside_the_prediction():
    made = grid()
    assert "writes already" not in prediction(made, before="a", after="b")
    names = {BOTH: "last-stage-both", ALONE: "last-stage-captions"}
    more = [row._replace(condition=names[row.condition]) for row in made.rows if row[0] in names]
    told = prediction(replace(made, rows=[*made.rows, *more]), before="a", after="b")
    assert "writes already, the same stage changes them by 0.200 ± 0.000 and −0.700" in told


def test_a_table_has_a_line_for_each_trained_condition_of_a_dial():
    lines = table(grid(), metrics=["gap", "recall_at_1"])
    assert ["captions leave out", "0", "3", "0.310 ± 0.010", "0.900 ± 0.000"] in lines
    assert [line[0] for line in lines].count("last stage, new captions") == 2
    assert not any(line[1] == "alike" for line in lines)


def test_the_shipped_grid_can_be_shown():
    made = section(0.8, PROFILES["hub"])
    assert len(made["sentences"]) >= 3
    assert all(uri.startswith("data:image/svg") for uri in made["exhibit"]["panels"].values())
    assert isinstance(shipped_grid(), Grid)
    with pytest.raises(KeyError):
        shipped_grid().trained("no such dial")

"""The grid of trainings: its file, its curves and ends, and exact tests over seeds."""

import json

import pytest

from gap_assets.gap.causes import (
    CauseRow,
    Grid,
    differences,
    read_grid,
    shipped_grid,
    sign_flip_p,
    trend_p,
    write_grid,
)

DIALS = {"omission": {"low": "0", "base": "0.5"}, "batch": {"base": "32", "large": "64"}}


def grid(rows):
    return Grid(dials=DIALS, recipe={"steps": 10}, recipe_sha256="ab", rows=rows)


ROWS = [
    CauseRow("base", 0, 10, "gap", 0.81234),
    CauseRow("base", 0, 0, "gap", 1.2),
    CauseRow("base", 1, 0, "gap", 1.3),
    CauseRow("base", 1, 10, "gap", 0.9),
    CauseRow("base", 1, 10, "rmg", 0.5),
    CauseRow("low", 0, 10, "gap", 0.4),
]


def test_curves_are_by_seed_and_step_and_end_at_the_last_step():
    found = grid(ROWS)
    assert found.curves("base", "gap")[0] == {0: 1.2, 10: 0.81234}
    assert found.ends("base", "gap") == {0: 0.81234, 1: 0.9}
    assert found.ends("large", "gap") == {}
    assert found.trained("batch") == {"base": "32"}


def test_a_grid_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "grid.json"
    path.write_bytes(write_grid(grid(ROWS)))
    again = read_grid(path)
    assert again.dials == DIALS
    assert (again.recipe, again.recipe_sha256) == ({"steps": 10}, "ab")
    assert sorted(again.rows) == sorted(row._replace(value=round(row.value, 4)) for row in ROWS)
    assert len(json.loads(path.read_text())["cells"]) == 3


def test_differences_pair_the_seeds_that_both_have():
    assert differences({0: 1.0, 1: 2.0, 2: 5.0}, {1: 2.5, 2: 4.0}) == [0.5, -1.0]


def test_three_seeds_that_agree_reach_a_quarter_and_six_a_thirty_second():
    assert sign_flip_p([0.3, 0.31, 0.29]) == pytest.approx(2 / 8)
    assert sign_flip_p([-0.3] * 6) == pytest.approx(2 / 64)
    assert sign_flip_p([0.3, -0.3]) == 1
    assert sign_flip_p([0.5, 0.4, -0.1]) == pytest.approx(4 / 8)


def test_a_trend_that_all_seeds_share_is_one_arrangement_of_all():
    rising = [{0: 0.1, 1: 0.2, 2: 0.15}, {0: 0.3, 1: 0.4, 2: 0.5}, {0: 0.6, 1: 0.61, 2: 0.62}]
    assert trend_p(rising) == pytest.approx(2 / 6**3)
    assert trend_p(rising[::-1]) == pytest.approx(2 / 6**3)
    assert trend_p([rising[0], rising[0]]) == 1
    assert trend_p([{0: 1.0, 9: 5.0}, {0: 2.0}]) == 1  # One seed, two arrangements, either way.


def test_the_shipped_grid_is_of_the_recipe_that_the_command_trains():
    from gap_assets.world.training import dials

    shipped = shipped_grid()
    assert shipped.recipe_sha256 == dials.Recipe().sha256
    assert shipped.dials == dials.DIALS
    there = {(row.condition, row.seed) for row in shipped.rows}
    assert there <= set(dials.grid())
    for condition in ("baseline", "omission-0", "last-stage-captions"):
        assert {seed for name, seed in there if name == condition} == {0, 1, 2}

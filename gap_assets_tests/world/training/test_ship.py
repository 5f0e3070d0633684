"""Finished cells become the file that ships; cells of another recipe do not."""

import json

import pytest

from gap_assets.gap.causes import read_grid
from gap_assets.world.training.causes import cell_file
from gap_assets.world.training.dials import Cell, Recipe, grid, recipe_of
from gap_assets.world.training.ship import in_markdown, ship


def keep(folder, cell, *, base):
    sha = recipe_of(cell.condition, base).sha256
    rows = [[0, "gap", 1.0], [5, "gap", 0.7 + 0.1 * cell.seed]]
    cell_file(folder, cell).write_text(json.dumps({"recipe_sha256": sha, "rows": rows}))


def test_the_finished_cells_of_the_recipe_ship_and_the_rest_is_named(tmp_path):
    for seed in (0, 1):
        keep(tmp_path, Cell("baseline", seed), base=Recipe())
    keep(tmp_path, Cell("omission-0", 0), base=Recipe(steps=7))
    missing = ship(tmp_path, to=tmp_path / "shipped.json")
    assert len(missing) == len(grid()) - 2
    assert "omission-0-0" in missing
    shipped = read_grid(tmp_path / "shipped.json")
    assert shipped.recipe_sha256 == Recipe().sha256
    assert shipped.ends("baseline", "gap") == pytest.approx({0: 0.7, 1: 0.8})
    assert "| captions leave out | 0.5 | 2 | 0.750 ± 0.071 |" in in_markdown(shipped)


def test_a_folder_without_finished_cells_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no finished cell of this recipe"):
        ship(tmp_path, to=tmp_path / "shipped.json")

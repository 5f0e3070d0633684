"""Cells of the grid of causes: one choice apart, repeatable, resumed, never mixed with others."""

import json

import numpy as np
import pytest

from gap_assets.world.training import causes
from gap_assets.world.training.causes import cell_file, finished, prepare, train_cell
from gap_assets.world.training.coca import new_model
from gap_assets.world.training.dials import CONDITIONS, DIALS, Cell, Recipe, grid, recipe_of
from gap_assets.world.training.grid import run_grid

TINY = Recipe(
    steps=2, last_steps=1, warm_up=1, batch=12, films=250, held_out_films=250, captioned=4
)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("grid"), base=TINY, device="cpu")


def test_each_condition_is_one_choice_and_stands_in_one_dial():
    base = Recipe()
    assert all(recipe_of(c, base) != base for c in CONDITIONS if c != "baseline")
    assert len({recipe_of(c, base).sha256 for c in CONDITIONS}) == len(CONDITIONS)
    named = [c for values in DIALS.values() for c in values if c != "baseline"]
    assert sorted([*named, "baseline"]) == sorted(CONDITIONS)


def test_the_grid_has_three_seeds_where_claims_are_tested_and_two_elsewhere():
    cells = grid()
    assert len(set(cells)) == len(cells)
    seeds = {c: [cell.seed for cell in cells if cell.condition == c] for c in CONDITIONS}
    assert seeds["omission-75"] == seeds["last-stage-captions"] == seeds["baseline"] == [0, 1, 2]
    assert seeds["temperature-05"] == seeds["batch-64"] == seeds["towers-alike"] == [0, 1]


def test_towers_that_start_alike_have_equal_blocks_and_the_rest_as_before(material):
    start = {"seed": 0, "temperature": 0.01, "learned": False}
    apart, alike = (new_model(material.vocabulary, **start, alike=a) for a in (False, True))
    for part in ("mlp.c_fc.weight", "attn.in_proj_weight"):
        image = alike.visual.transformer.resblocks[1].get_parameter(part)
        assert alike.text.transformer.resblocks[1].get_parameter(part).equal(image)
        assert not apart.text.transformer.resblocks[1].get_parameter(part).equal(image)
    assert alike.text.text_projection.equal(alike.visual.proj)
    assert alike.visual.proj.equal(apart.visual.proj)
    assert alike.text.token_embedding.weight.equal(apart.text.token_embedding.weight)


def test_retrieval_has_one_right_answer(material):
    captions = material.pairs.captions.tolist()
    assert len(set(captions)) == len(captions) == len(material.pairs.images) > 500


def test_a_last_stage_goes_on_from_the_baselines_end(material):
    seen = []
    last = train_cell(Cell("last-stage-captions", 0), material, advance=seen.append)
    assert seen == [12]  # Its own step; the baseline that it needed was trained, too.
    base = finished(material.folder, Cell("baseline", 0), base=TINY)
    assert sorted({step for step, _, _ in base}) == [0, 1, 2]
    assert sorted({step for step, _, _ in last}) == [2, 3]
    [at_start] = [value for step, name, value in base if (step, name) == (0, "recall_at_1")]
    assert at_start > 0.85  # The embedded CoCa has learned to retrieve.
    end = {metric: value for step, metric, value in base if step == 2}
    start = {metric: value for step, metric, value in last if step == 2}
    assert start == {name: end[name] for name in start}
    assert set(end) - set(start) <= {"exact_captions"}
    assert {"gap", "cone_image", "cone_text", "rmg", "knn_excess", "recall_at_1"} <= set(start)


def test_captions_only_leaves_the_contrast_out(material):
    both, alone, new = (
        {(s, m): v for s, m, v in train_cell(Cell(f"last-stage-{kind}", 0), material)}
        for kind in ("both", "captions", "new-captions")
    )
    assert both[2, "gap"] == alone[2, "gap"] == new[2, "gap"]
    assert len({both[3, "gap"], alone[3, "gap"], new[3, "gap"]}) == 3


def test_a_finished_cell_is_read_and_one_of_another_recipe_is_not(material, monkeypatch):
    cell = Cell("batch-16", 1)
    rows = train_cell(cell, material)
    monkeypatch.setattr(causes, "_train", None)  # Would fail if anything were trained.
    assert train_cell(cell, material) == rows
    assert finished(material.folder, cell, base=Recipe()) is None
    path = cell_file(material.folder, cell)
    path.write_text(path.read_text().replace('"recipe_sha256": "', '"recipe_sha256": "0'))
    assert finished(material.folder, cell, base=TINY) is None


@pytest.mark.slow
def test_the_grid_trains_in_a_process_what_is_missing_and_the_same_for_a_seed(material):
    cell = Cell("omission-0", 0)
    rows = train_cell(cell, material)
    path = cell_file(material.folder, cell)
    path.unlink()
    others = {p: p.stat().st_mtime_ns for p in material.folder.glob("*.json")}
    run_grid(material.folder, jobs=1, device="cpu", base=TINY, cells=[cell, Cell("baseline", 0)])
    again = [tuple(row) for row in json.loads(path.read_text())["rows"]]
    assert [row[:2] for row in again] == [row[:2] for row in rows]
    # A thread adds in another order than several.
    assert np.allclose([row[2] for row in again], [row[2] for row in rows], atol=0.02)
    assert {p: p.stat().st_mtime_ns for p in others} == others

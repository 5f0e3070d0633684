"""The import contracts of pyproject.toml: that they hold, and that each of them can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ROOMS, EDGE, ENGINES = (
    "Rooms: each imports only from those below it",
    "Only the edge knows Dagster",
    "The models and the decoder run where neither tables nor projections are installed",
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path) -> Path:
    """The package's modules and its contracts, to be spoiled."""
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    for module in (CHECKOUT / "gap_assets").rglob("*.py"):
        target = tmp_path / module.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, target)
    return tmp_path


def test_the_contracts_hold(copy):
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert all(f"{contract} KEPT" in result.stdout for contract in (ROOMS, EDGE, ENGINES))


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("warehouse/store.py", "from gap_assets.gap import pairs", {ROOMS}),
        ("parameters.py", "from gap_assets import settings", {ROOMS}),
        ("new_room.py", "", {ROOMS}),
        ("gap/scorecard.py", "import dagster as dg", {EDGE}),
        ("pipeline/status.py", "from gap_assets.dagster import runs", {ROOMS, EDGE}),
        ("video/probe.py", "import polars as pl", {ENGINES}),
    ],
)
def test_an_import_against_a_contract_is_found(copy, module, line, broken):
    with (copy / "gap_assets" / module).open("a") as file:
        file.write(f"\n{line}\n")
    result = lint(copy)
    assert result.returncode != 0
    assert {c for c in (ROOMS, EDGE, ENGINES) if f"{c} BROKEN" in result.stdout} == broken

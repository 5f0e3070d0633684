"""The grid's results as the one small file that ships with the package."""

from dataclasses import asdict
from pathlib import Path

from gap_assets.files import write_atomically
from gap_assets.gap.causes import SHIPPED, CauseRow, Grid, write_grid
from gap_assets.gap.reporting.causes import table
from gap_assets.world.training.causes import finished
from gap_assets.world.training.dials import DIALS, Recipe, grid


def collect(folder: Path, *, base: Recipe) -> Grid:
    """The grid of the cells that a folder has, by this recipe."""
    rows = [
        CauseRow(cell.condition, cell.seed, *row)
        for cell in grid()
        for row in finished(folder, cell, base=base) or ()
    ]
    return Grid(dials=DIALS, recipe=asdict(base), recipe_sha256=base.sha256, rows=rows)


METRICS = {
    "gap": "gap",
    "cone_image": "cone, images",
    "cone_text": "cone, texts",
    "rmg": "RMG",
    "knn_excess": "kNN excess",
    "recall_at_1": "R@1",
    "exact_captions": "exact captions",
}


def in_markdown(found: Grid) -> str:
    """Where the trainings end, as the table of `docs/causes.md`."""
    lines = [["dial", "", "seeds", *METRICS.values()], ["---"] * (3 + len(METRICS))]
    lines += table(found, metrics=list(METRICS))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ship(folder: Path, *, to: Path = SHIPPED) -> list[str]:
    """Write the finished cells of a folder; what is missing.

    Raises:
        ValueError: There is none.
    """
    base = Recipe()
    found = collect(folder, base=base)
    if not found.rows:
        raise ValueError(f"{folder} has no finished cell of this recipe; train some first.")
    write_atomically(to, write_grid(found))
    return [f"{c.condition}-{c.seed}" for c in grid() if finished(folder, c, base=base) is None]

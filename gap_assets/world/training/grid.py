"""Running the grid of `dials` over processes, with the time that is left."""

import multiprocessing
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import torch  # noqa: TID253
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gap_assets.world.training.causes import Material, finished, prepare, train_cell
from gap_assets.world.training.dials import BASELINE, Cell, Recipe, grid, recipe_of


def run_grid(
    folder: Path,
    *,
    jobs: int,
    device: str,
    base: Recipe,
    cells: list[Cell] | None = None,
) -> None:
    """Train the cells that the folder lacks.

    Args:
        folder: Holds a result file for each finished cell, and what the cells share.
        jobs: Processes, of one thread each.
        device: A torch device.
        base: The baseline's recipe.
        cells: Which; all by default.
    """
    prepare(folder, base=base, device=device)  # before the processes read it
    wanted = cells or grid()
    missing = [cell for cell in wanted if finished(folder, cell, base=base) is None]
    context = multiprocessing.get_context("spawn")
    seen = context.Value("q", 0)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin, initargs=(folder, base, device, seen)
        ) as pool,
    ):
        total = sum(recipe_of(cell.condition, base).work for cell in missing)
        task = progress.add_task(f"{len(missing)} cells", total=total)
        waiting = {pool.submit(_train_all, cells): cells for cells in _tasks(missing)}
        while waiting:
            time.sleep(0.5)
            progress.update(task, completed=seen.value)
            for future in [future for future in waiting if future.done()]:
                _report(progress, waiting.pop(future), future)


def _tasks(cells: list[Cell]) -> list[list[Cell]]:
    """Cells in the order of work, the last stages together with the baseline they go on from."""
    tasks: dict[Cell, list[Cell]] = {}
    for cell in cells:
        further = cell.condition.startswith("last-stage")
        tasks.setdefault(Cell(BASELINE, cell.seed) if further else cell, []).append(cell)
    return list(tasks.values())


def _report(progress: Progress, cells: list[Cell], future: "Future[float]") -> None:
    names = ", ".join(f"{cell.condition}, seed {cell.seed}" for cell in cells)
    progress.console.print(f"{names}: {future.result():.0f} s", highlight=False)


_material: Material
_seen: "multiprocessing.sharedctypes.Synchronized[int]"


def _begin(
    folder: Path, base: Recipe, device: str, seen: "multiprocessing.sharedctypes.Synchronized[int]"
) -> None:
    """What each process does once."""
    global _material, _seen
    torch.set_num_threads(1)
    _material, _seen = prepare(folder, base=base, device=device), seen


def _train_all(cells: list[Cell]) -> float:
    """Train cells one after the other; the seconds it took."""
    start = time.monotonic()
    for cell in cells:
        train_cell(cell, _material, advance=_advance)
    return time.monotonic() - start


def _advance(frames: int) -> None:
    with _seen.get_lock():
        _seen.value += frames

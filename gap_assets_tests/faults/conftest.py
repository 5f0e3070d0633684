"""Small file systems, the command `gap` as people run it, and what a data folder holds."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gap_assets.settings import Settings
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse

# What differs from run to run: when it was, and how long it took.
OF_THE_RUN = {"run_id", "seconds", "materialized_at", "failed_at", "first_used"}


@dataclass(frozen=True)
class Disk:
    """A file system of its own, in memory."""

    path: Path

    def resize(self, kibibytes: int) -> None:
        _mount("-o", f"remount,size={kibibytes}k", self.path)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    """A file system of 4 KiB, which the test makes larger."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() or not _mount("-t", "tmpfs", "-o", "size=4k", "gap-test", path):
        pytest.skip("only root can mount a small file system")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", path], check=True)


def _mount(*arguments: object) -> bool:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0


def gap(
    *arguments: object, through: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, perhaps through another program."""
    return subprocess.run(
        [*through, sys.executable, "-m", "gap_assets.cli", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence with which a command failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("gap: ")]
    return sentence


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    """All rows but for what differs from run to run."""
    warehouse = Warehouse(path=settings.warehouse)
    # Where a curve is flat, the place of its best point hangs on the last bit of the vectors.
    firm = {"gap_metrics": "WHERE metric NOT LIKE 'best_shift%'"}
    return {
        table: warehouse.read_embeddings(f"FROM {table} {firm.get(table, '')} ORDER BY ALL").drop(
            OF_THE_RUN, strict=False
        )
        for table in TABLES
    }


def assert_same_rows(found: Settings, expected: Settings, *, but: str = "") -> None:
    """Whether two data folders hold the same, row for row, but for one column."""
    theirs = tables(expected)
    for table, rows in tables(found).items():
        pair = (side.drop(but, strict=False) for side in (rows, theirs[table]))
        try:
            assert_frame_equal(*pair, abs_tol=1e-5)
        except AssertionError as error:
            raise AssertionError(f"{table}: {error}") from error

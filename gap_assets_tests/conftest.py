"""Fixtures for the whole suite: drawn videos, data folders, shared clips, a Postgres server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.services import Postgres, postgres_binaries, running_postgres

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """Keeps a developer's `GAP_*` and Dagster variables out of the tests."""
    for name in list(os.environ):
        if name.startswith(("GAP_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GAP_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A folder of a few drawn videos and their captions file."""
    directory = tmp_path_factory.mktemp("world")
    write_samples(directory, count=5, seed=3)
    return directory


@pytest.fixture
def settings(tmp_path, world) -> Settings:
    """The settings of a new data folder for the drawn videos."""
    return remember(
        tmp_path / "data", videos=world, captions=world / "captions.jsonl", frames_per_second=2.0
    )


def remembered(data: Path, world: Path, **more) -> Settings:
    captions = world / "captions.jsonl"
    return remember(
        data, videos=world, captions=captions, frames_per_second=2.0, videos_per_run=3, **more
    )


@pytest.fixture(scope="session")
def made_in_file(tmp_path_factory, world) -> Settings:
    """A data folder that has been run once, undisturbed."""
    from gap_assets.runs import run_everything

    settings = remembered(tmp_path_factory.mktemp("made") / "data", world)
    run_everything(settings)
    return settings


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development clips beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the development clips are not beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres server of this test run's own; see `Postgres.new_database`."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("the Postgres server's programs (initdb, pg_ctl) are not installed")
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture
def lake(request, monkeypatch) -> str:
    """The URL of a DuckLake that is not there yet."""
    return request.getfixturevalue("postgres").new_lake(monkeypatch)


@pytest.fixture(params=["file", pytest.param("lake", marks=pytest.mark.service)])
def warehouse(request, tmp_path) -> Warehouse:
    """A new warehouse of each kind."""
    if request.param == "file":
        return Warehouse(path=tmp_path / "gap.duckdb")
    return Warehouse(path=request.getfixturevalue("lake"), files=str(tmp_path / "files"))

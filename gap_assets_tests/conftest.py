"""Fixtures for the whole suite: drawn videos, data folders, shared clips, a Postgres server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.encoder_folders import clip_folder
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


@pytest.fixture(scope="session")
def encoders(tmp_path_factory) -> tuple[str, ...]:
    """Three encoders of 96, 64 and 128 dimensions; the last two have random weights."""
    folder = tmp_path_factory.mktemp("encoders")
    sizes = (64, 128)
    random = [clip_folder(folder / f"clip-{size}", dimensions=size) for size in sizes]
    return ("embedded:coca-whole-captions", *random)


def remembered(data: Path, world: Path, **more) -> Settings:
    captions = world / "captions.jsonl"
    return remember(
        data, videos=world, captions=captions, frames_per_second=2.0, videos_per_run=3, **more
    )


@pytest.fixture(scope="session")
def made_in_file(tmp_path_factory, world, encoders) -> Settings:
    """A data folder that has been run once, undisturbed."""
    from gap_assets.dagster.runs import run_everything

    home = tmp_path_factory.mktemp("made") / "data"
    settings = remembered(home, world, encoders=encoders)
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


RUN_A_RANGE = """
import sys
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.runs import open_instance
from gap_assets.settings import Settings
settings = Settings(data=sys.argv[1])
edges = ("start", "end")
tags = {f"dagster/asset_partition_range_{e}": key for e, key in zip(edges, sys.argv[2:])}
with open_instance(settings) as instance:
    job = build_definitions(settings).resolve_job_def("per_video")
    assert job.execute_in_process(instance=instance, tags=tags).success
"""


@pytest.fixture(scope="session")
def made_in_lake(tmp_path_factory, world, encoders, request) -> Iterator[Settings]:
    """The same with a DuckLake, into which two processes wrote different videos at once."""
    from gap_assets.dagster.build import build_definitions
    from gap_assets.dagster.runs import open_instance, run_everything

    with pytest.MonkeyPatch.context() as environment:
        url = request.getfixturevalue("postgres").new_lake(environment)
        home = tmp_path_factory.mktemp("made") / "data"
        settings = remembered(home, world, encoders=encoders, warehouse=url)
        with open_instance(settings) as instance:
            job = build_definitions(settings).resolve_job_def("catalogue")
            assert job.execute_in_process(instance=instance).success
        halves = [("world-0000", "world-0002"), ("world-0003", "world-0004")]
        command = [sys.executable, "-c", RUN_A_RANGE, str(settings.data)]
        runs = [subprocess.Popen([*command, *half]) for half in halves]
        assert [run.wait() for run in runs] == [0, 0]
        run_everything(settings)
        yield settings


@pytest.fixture(scope="session", params=["file", pytest.param("lake", marks=pytest.mark.service)])
def made(request) -> Settings:
    """A data folder that has been run once, with a warehouse of each kind."""
    return request.getfixturevalue(f"made_in_{request.param}")


@pytest.fixture
def new_warehouse(made, request) -> dict[str, str]:
    """The setting for another warehouse of the same kind."""
    is_lake = Warehouse(path=made.warehouse).is_lake
    return {"warehouse": request.getfixturevalue("lake")} if is_lake else {}


@pytest.fixture
def copy_of_made(made, tmp_path, request) -> Settings:
    """The data folder as if restored from a backup elsewhere."""
    home = shutil.copytree(made.data, tmp_path / "copy")
    if not Warehouse(path=made.warehouse).is_lake:
        return Settings(data=home)
    server = request.getfixturevalue("postgres")
    old, new = made.warehouse.removeprefix("ducklake:postgres:dbname="), f"copy_{tmp_path.name}"
    server.execute(f'CREATE DATABASE "{new}" TEMPLATE "{old}"')
    moved = f"UPDATE ducklake_metadata SET value = '{home}/warehouse/' WHERE key = 'data_path'"
    server.execute(moved, database=new)
    return remember(home, warehouse=f"ducklake:postgres:dbname={new}")

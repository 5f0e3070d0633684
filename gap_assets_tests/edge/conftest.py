import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gap_assets.build import build_definitions
from gap_assets.runs import open_instance, run_everything
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.conftest import remembered

RUN_A_RANGE = """
import sys
from gap_assets.build import build_definitions
from gap_assets.runs import open_instance
from gap_assets.settings import Settings
settings = Settings(data=sys.argv[1])
edges = ("start", "end")
tags = {f"dagster/asset_partition_range_{e}": key for e, key in zip(edges, sys.argv[2:])}
with open_instance(settings) as instance:
    job = build_definitions(settings).resolve_job_def("per_video")
    assert job.execute_in_process(instance=instance, tags=tags).success
"""


@pytest.fixture(scope="session")
def made_in_lake(tmp_path_factory, world, request) -> Iterator[Settings]:
    """The same with a DuckLake, into which two processes wrote different videos at once."""
    with pytest.MonkeyPatch.context() as environment:
        url = request.getfixturevalue("postgres").new_lake(environment)
        settings = remembered(tmp_path_factory.mktemp("made") / "data", world, warehouse=url)
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

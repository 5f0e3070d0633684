"""The Dagster instances of the deployments, Postgres and all, and what they do when one dies.

Run with `pytest -m service`.
"""

import os
import signal
import time

import dagster as dg
import pytest

from gap_assets.dagster.partitions import register_videos
from gap_assets.dagster.runs import open_instance
from gap_assets.pipeline.status import current_status
from gap_assets.settings import remember
from gap_assets_tests.dagster.test_service import FINAL, Server

DEPLOYMENTS = [
    "laptop",
    *(pytest.param(d, marks=pytest.mark.service) for d in ("gpu-box", "cluster")),
]


@pytest.mark.parametrize("deploy", DEPLOYMENTS)
def test_the_instance_of_each_deployment_loads_and_stores(settings, request, deploy):
    if deploy != "laptop":
        request.getfixturevalue("lake")  # Sets libpq's variables to an empty database.
    with open_instance(settings.model_copy(update={"deploy": deploy})) as instance:
        storage = "Sqlite" if deploy == "laptop" else "Postgres"
        for part in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
            assert type(part).__name__.startswith(storage), part
        assert register_videos(instance, ["b", "a"]) == ["a", "b"]
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
        assert not instance.telemetry_enabled
        limits = instance.get_concurrency_config()
        assert limits.run_queue_config.max_concurrent_runs > 0
        assert limits.run_queue_config.max_user_code_failure_retries > 0
        assert limits.pool_config.default_pool_limit > 0
        assert instance.run_retries_enabled


@pytest.fixture
def served(postgres, tmp_path, world):
    """`gap dev` for one GPU, with its instance in Postgres and its rows in a DuckLake."""
    with pytest.MonkeyPatch.context() as environment:
        lake = postgres.new_lake(environment)
        environment.setenv("PGDATABASE", postgres.new_database("dagster"))
        settings = remember(tmp_path / "data", deploy="gpu-box", warehouse=lake)
        with open_instance(settings):
            file = settings.dagster_home / "dagster.yaml"
        file.write_text(file.read_text().replace(": 2\n", ": 1\n"))
        server = Server(tmp_path / "data", world, videos_per_run=1)
        try:
            server.wait(lambda: server.ask("{ version }"), seconds=600)
            server.launch("catalogue")
            yield server
        finally:
            os.killpg(server.process.pid, signal.SIGTERM)
            server.process.wait(120)


def ends_complete(server: Server, backfill_id: str) -> None:
    status = server.wait(lambda: {server.backfill_status(backfill_id)} & FINAL, seconds=3000)
    assert status == {"COMPLETED_SUCCESS"}
    counts = current_status(server.settings).counts()
    assert all(set(count) == {"current"} for count in counts.values()), counts


def busy_run(server: Server, instance: dg.DagsterInstance) -> tuple[str, int]:
    """A run that is at work on a step, and the process that executes it."""

    def find():
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            events = instance.all_logs(run.run_id)
            if any(
                event.dagster_event_type == dg.DagsterEventType.STEP_START
                for event in events
                if event.is_dagster_event
            ):
                [said] = [e.message for e in events if "Started process for run (pid" in e.message]
                return run.run_id, int(said.split("pid: ")[1].split(")")[0])
        return None

    return server.wait(find, seconds=600)


@pytest.mark.service
@pytest.mark.timeout(7200)
def test_a_killed_worker_makes_room_for_the_next_run_and_is_tried_again(served):
    backfill_id = served.backfill_everything()
    with open_instance(served.settings) as instance:
        run_id, pid = busy_run(served, instance)
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        served.wait(lambda: served.run_status(run_id) == "FAILURE", seconds=300)
        print(f"noticed after {time.monotonic() - killed:.0f} s")
        next_run, _ = busy_run(served, instance)
        print(f"the next run is at work after {time.monotonic() - killed:.0f} s")
        assert next_run != run_id
        ends_complete(served, backfill_id)
        retries = instance.get_runs(dg.RunsFilter(tags={"dagster/parent_run_id": run_id}))
        assert [run.status for run in retries] == [dg.DagsterRunStatus.SUCCESS]


@pytest.mark.service
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("down_s", [0, 20])
def test_a_backfill_ends_complete_after_postgres_was_restarted(served, postgres, down_s):
    backfill_id = served.backfill_everything()
    with open_instance(served.settings) as instance:
        busy_run(served, instance)
    postgres.stop("immediate")
    time.sleep(down_s)
    postgres.start()
    ends_complete(served, backfill_id)


def test_an_older_folder_follows_the_launcher_to_its_new_place(settings):
    open_instance(settings).dispose()
    config = settings.dagster_home / "dagster.yaml"
    new = config.read_text(encoding="utf-8") + "# a note of the user's own\n"
    assert new.count("module: gap_assets.dagster.launcher") == 1
    old = new.replace("gap_assets.dagster.launcher", "gap_assets.launcher")
    for text in (old, new):
        config.write_text(text, encoding="utf-8")
        with open_instance(settings) as instance:
            assert type(instance.run_launcher).__module__ == "gap_assets.dagster.launcher"
        assert config.read_text(encoding="utf-8") == new

"""Runs whose process is gone, as the daemon of each one-machine deployment finds them."""

import logging
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test, create_test_daemon_workspace_context
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import (
    consume_new_runs_for_automatic_reexecution,
)
from dagster._daemon.monitoring import execute_run_monitoring_iteration

from gap_assets.dagster.runs import open_instance

STARTED = dg.DagsterRunStatus.STARTED
log = logging.getLogger(__name__)

RUN = """
import sys, time
import dagster as dg
from gap_assets.dagster.runs import open_instance
from gap_assets.settings import Settings

@dg.op
def wait():
    time.sleep(600)

@dg.job
def waiting():
    wait()

with open_instance(Settings(data=sys.argv[1])) as instance:
    waiting.execute_in_process(instance=instance)
"""


@pytest.fixture(params=["laptop", pytest.param("gpu-box", marks=pytest.mark.service)])
def deployed(request, settings):
    """The instance of a deployment on one machine, and the daemon's view of it."""
    if request.param == "gpu-box":
        request.getfixturevalue("lake")  # Sets libpq's variables to an empty database.
    with (
        open_instance(settings.model_copy(update={"deploy": request.param})) as instance,
        create_test_daemon_workspace_context(EmptyWorkspaceTarget(), instance) as workspace,
    ):
        yield instance, workspace


@pytest.fixture
def running(deployed, settings):
    """A run at work in a process of its own, as those of `gap run` are."""
    instance, _ = deployed
    process = subprocess.Popen([sys.executable, "-c", RUN, str(settings.data)])
    try:
        deadline = time.monotonic() + 60
        while not (found := [run for run in instance.get_runs() if _steps(instance, run)]):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield found[0].run_id, process
    finally:
        process.kill()
        process.wait()


def _steps(instance: dg.DagsterInstance, run: dg.DagsterRun):
    return instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)


def monitor(workspace) -> None:
    """One look of the daemon at all runs in progress."""
    errors = execute_run_monitoring_iteration(workspace, log)
    assert not [error for error in errors if error]


def test_a_run_at_work_is_left_alone_and_one_whose_process_was_killed_is_ended(deployed, running):
    instance, workspace = deployed
    run_id, process = running
    monitor(workspace)
    assert instance.get_run_by_id(run_id).status == STARTED
    process.kill()
    process.wait()
    monitor(workspace)
    [record] = instance.get_run_records()
    assert record.dagster_run.is_failure
    # A run that no code server launched is nobody's to repeat but the command's.
    for _ in range(2):
        list(consume_new_runs_for_automatic_reexecution(workspace, [record], log))
    assert [run.run_id for run in instance.get_runs()] == [run_id]


def test_a_younger_process_with_the_number_of_the_run_s_own_is_not_taken_for_it(
    deployed, running, monkeypatch
):
    instance, workspace = deployed
    run_id, _ = running
    monkeypatch.setattr(
        "gap_assets.dagster.launcher.CLOCKS_DIFFER_S", -3600
    )  # As if the run were older.
    monitor(workspace)
    assert instance.get_run_by_id(run_id).is_failure


def test_a_run_that_names_no_process_has_as_long_as_any_to_start(deployed, monkeypatch):
    instance, workspace = deployed
    run = create_run_for_test(instance)
    start = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    instance.report_dagster_event(start, run.run_id)
    monitor(workspace)
    assert instance.get_run_by_id(run.run_id).status == STARTED
    monkeypatch.setattr(dg.DagsterInstance, "run_monitoring_start_timeout_seconds", 0)
    monitor(workspace)
    assert instance.get_run_by_id(run.run_id).is_failure

"""Launches runs on this machine, and tells the daemon whose process is gone.

What follows from that is the daemon's business: it ends the run, and retries it where
`dagster.yaml` says so. Dagster's own launcher cannot tell: a run that was killed together with its
code server, as by a power cut, or without one, as `gap run`, would stay in progress for ever and
hold its place in the queue.
"""

import calendar
import os
import shutil
import subprocess
import time

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

CLOCKS_DIFFER_S = 5.0  # `ps` counts in seconds, and the clock may be set meanwhile.


class LocalRunLauncher(dg.DefaultRunLauncher):
    """Dagster's default launcher, for a machine whose daemon sees the processes of all runs."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether processes can be looked up here; a slim container may lack the program."""
        return shutil.which("ps") is not None

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process lives that said first, in the run's log, that it executes the run."""
        for entry in self._instance.all_logs(run.run_id, dg.DagsterEventType.ENGINE_EVENT):
            if pid := entry.get_dagster_event().engine_event_data.metadata.get("pid"):
                alive = _is_there(int(str(pid.value)), since=entry.timestamp)
                return _health(f"Process {pid.value} is gone, as after a kill.", alive=alive)
        # It starts just now, or was killed as it did.
        record = self._instance.get_run_record_by_id(run.run_id)
        began = record.start_time if record and record.start_time else 0
        starts = time.time() - began < self._instance.run_monitoring_start_timeout_seconds
        return _health("No process has begun to execute it.", alive=starts)


def _health(otherwise: str, *, alive: bool) -> CheckRunHealthResult:
    if alive:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, otherwise)


def _is_there(pid: int, *, since: float) -> bool:
    """Whether a process still runs; one that started later than `since` only has its number."""
    said = subprocess.run(  # noqa: S603
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607
        env=os.environ | {"LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
    ).stdout
    if not said or said.startswith("Z"):
        return False
    started = calendar.timegm(time.strptime(said.split(maxsplit=1)[1].strip()))
    return started < since + CLOCKS_DIFFER_S

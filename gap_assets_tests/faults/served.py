"""A code server and a daemon on a data folder, whose processes can be found and killed.

Belongs here: starting them, telling their processes apart, asking for backfills and seeing what is
left of them. Which process dies when is the business of `kills`. It reads /proc, so it needs Linux.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.runs import QUIET, dagster_variables, open_instance
from gap_assets.graph import ROOTS, STEPS
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.services import free_port

MARK = "GAP_ASSETS_STORM"  # Marks all processes of one data folder.
FORGOTTEN_S = 120.0  # A backfill that waits longer for a run waits for ever.
MOST_BACKFILLS = 14  # A kill may end one; more of them fail by themselves.
LOCATION = "{host: 127.0.0.1, port: %d, location_name: gap_assets.definitions}"


@dataclass
class Platform:
    """A code server and a daemon on a data folder, with all that they start."""

    settings: Settings
    instance: dg.DagsterInstance
    backfills: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        port, home = free_port(), self.settings.dagster_home
        (home / "workspace.yaml").write_text(f"load_from: [grpc_server: {LOCATION % port}]")
        server = ["dagster", "api", "grpc", "-m", "gap_assets.definitions", "-p", str(port)]
        daemon = ["dagster._daemon", "run", "-w", str(home / "workspace.yaml")]
        self._commands = {"server": [*server, "-h", "127.0.0.1"], "daemon": daemon}
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._mark = secrets.token_hex(8)
        self._known: dict[str, set[int]] = {"worker": set(), "step": set()}
        self._runs: dict[str, dg.DagsterRunStatus] = {}
        self._quiet_since = time.monotonic()

    def start(self) -> None:
        """Starts the code server and the daemon, unless they run."""
        variables = dagster_variables(self.settings) | {MARK: self._mark}
        for name, command in self._commands.items():
            if name not in self._services or self._services[name].poll() is not None:
                with (self.settings.data / f"{name}.log").open("ab") as log:
                    self._services[name] = subprocess.Popen(
                        [sys.executable, "-m", *command],
                        env=os.environ | variables,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,  # Ctrl-C is this script's business.
                    )

    def alive(self) -> dict[str, list[int]]:
        """The processes that live now, by what they are."""
        everything = dict(_processes(self._mark))
        spawned = {p: parent for p, (parent, said) in everything.items() if b"spawn_main" in said}
        server, known = self._services["server"].pid, self._known
        # One that has lost its parent remains what it was.
        known["worker"] |= {pid for pid, parent in spawned.items() if parent == server}
        known["step"] |= {pid for pid, parent in spawned.items() if parent in known["worker"]}
        found = {kind: sorted(pids & spawned.keys()) for kind, pids in known.items()}
        services = {name: [s.pid] for name, s in self._services.items() if s.pid in everything}
        return {"everything": list(everything)} | found | services

    def kill(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for service in self._services.values():
            if service.pid in pids:
                service.wait()

    def goes_on(self) -> bool:
        """Whether something is left to do; a backfill that ended before is launched again."""
        if self.backfills:
            backfill = self.instance.get_backfill(self.backfills[-1])
            assert backfill
            if backfill.status not in BULK_ACTION_TERMINAL_STATUSES:
                if not self.forgotten():
                    return True
                print(
                    f"{self.settings.data.name} a retry was forgotten, backfill again", flush=True
                )
                canceled = backfill.with_status(BulkActionStatus.CANCELED)
                self.instance.update_backfill(canceled)
                backfill = canceled
            assert backfill.error is None, backfill.error
            if not current_status(self.settings).outdated:
                return False
        assert len(self.backfills) < MOST_BACKFILLS, "backfills fail without being killed"
        self.backfills.append(request_backfill(self.instance, self.settings))
        return True

    def forgotten(self) -> bool:
        """Whether the backfill waits for a run that nobody has made.

        Dagster 1.13 stores that a run failed before it marks the run as one to be tried again. A
        daemon that reads the first before the second is there never tries it.
        """
        runs = {run.run_id: run.status for run in self.instance.get_runs()}
        if runs != self._runs or self.busy():
            self._runs, self._quiet_since = runs, time.monotonic()
        return time.monotonic() - self._quiet_since > FORGOTTEN_S

    def ledger(self) -> dict[tuple[str, str | None], tuple[str, object]]:
        """By which run, and when, each result was made."""
        rows = Warehouse(path=self.settings.warehouse).read(
            "SELECT asset, video_id, run_id, materialized_at FROM materializations"
        )
        return {(asset, video): (run, at) for asset, video, run, at in rows.iter_rows()}

    def busy(self) -> list[str]:
        """The runs that are in progress or queued, and those that hold or wait for a slot."""
        runs = self.instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
        pools = self.instance.event_log_storage.get_concurrency_keys()
        infos = [self.instance.event_log_storage.get_concurrency_info(pool) for pool in pools]
        steps = [step.run_id for i in infos for step in (*i.claimed_slots, *i.pending_steps)]
        return [*(run.run_id for run in runs), *steps]


def request_backfill(instance: dg.DagsterInstance, settings: Settings) -> str:
    """Asks the daemon for a backfill of everything, as the UI does; gives its id."""
    backfill = PartitionBackfill.from_asset_partitions(
        secrets.token_hex(4),
        build_definitions(settings).resolve_asset_graph(),
        partition_names=None,
        asset_selection=[dg.AssetKey(asset) for asset in STEPS if asset not in ROOTS],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=True,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def _processes(mark: str) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """The processes with this mark, their parents and their command lines."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has ended.
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                yield int(folder.name), (parent, (folder / "cmdline").read_bytes())


@contextmanager
def platform(settings: Settings) -> Iterator[Platform]:
    """A data folder whose catalogue is made, served until the end."""
    with open_instance(settings) as instance:
        file = settings.dagster_home / "dagster.yaml"
        if settings.executor == "multiprocess":
            text = file.read_text().replace("max_concurrent_runs: 1", "max_concurrent_runs: 2")
            file.write_text(text.replace("granularity: run", "granularity: op"))
        catalogue = build_definitions(settings).resolve_job_def("catalogue")
        assert catalogue.execute_in_process(QUIET, instance=instance).success
    with open_instance(settings) as instance:
        served = Platform(settings, instance)
        try:
            served.start()
            yield served
        finally:
            while pids := served.alive()["everything"]:
                served.kill(pids)

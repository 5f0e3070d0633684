"""Kills processes of a backfill at random moments, and compares its tables with undisturbed ones.

python -m gap_assets_tests.faults.kills [--kills 50] [--seed 1]

Each round backfills a data folder of its own with a code server and a daemon: one run at a time in
a process, as on a laptop, or, every other round, two at a time with a process a step and the pool's
slots taken by steps. A kill -9 hits the worker of a run, a step, the daemon, the code server, or
all of them as a power cut does; what runs on its own is started again, and a backfill that ended
with results missing is launched again. At the end of a round nothing may be in progress or hold a
slot, no result that was seen in the ledger may have been made again, and every table must equal
that of an undisturbed run, row for row. It reads /proc, so it needs Linux.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import dagster as dg
import polars as pl
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from gap_assets.build import build_definitions
from gap_assets.lineage import ROOTS, STEPS
from gap_assets.runs import QUIET, dagster_variables, open_instance
from gap_assets.settings import Settings, remember
from gap_assets.standing import current_standing
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.services import free_port

MARK = "GAP_ASSETS_STORM"  # Marks all processes of one data folder.
OF_ONE_ATTEMPT = {"run_id", "seconds", "materialized_at", "failed_at"}
PATIENCE_S = 900.0
FORGOTTEN_S = 120.0  # A backfill that waits longer for a run waits for ever.
KILLS_A_ROUND = 13
MOMENTS_S = (1, 5, 40)  # The latest moment of a kill: of a start, of loading, of the work.
LOCATION = "{host: 127.0.0.1, port: %d, location_name: gap_assets.definitions}"
HIT = ("worker", "daemon", "server", "everything")
TARGETS = {"in_process": HIT, "multiprocess": (*HIT, "step")}


@dataclass(frozen=True)
class Round:
    """What one data folder went through."""

    executor: str
    kills: list[str]
    backfills: int
    runs: Counter[str]
    seconds: float


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
            if not current_standing(self.settings).outdated:
                return False
        assert len(self.backfills) <= KILLS_A_ROUND, "backfills fail without being killed"
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


def settle(served: Platform) -> None:
    """Waits until all is made and nothing is in progress, as long as something moves."""
    before, deadline = None, 0.0
    while served.goes_on() or served.busy():
        runs = {run.run_id: run.status for run in served.instance.get_runs()}
        if runs != before:
            before, deadline = runs, time.monotonic() + PATIENCE_S
        assert time.monotonic() < deadline, f"stuck: {served.busy()}"
        time.sleep(1)


def strike(served: Platform, random: Random, target: str) -> list[int]:
    """Kills a process of that kind at a random moment of its life; none if all is made before."""
    deadline = time.monotonic() + PATIENCE_S
    moment = None
    while served.goes_on():
        assert time.monotonic() < deadline, f"no {target} for {PATIENCE_S:.0f} s"
        pids = served.alive()[target]
        if not pids:
            moment = None
        elif moment is None:
            moment = time.monotonic() + random.uniform(0, random.choice(MOMENTS_S))
        elif time.monotonic() > moment:
            struck = pids if target == "everything" else [random.choice(pids)]
            served.kill(struck)
            return struck
        time.sleep(0.2)
    return []


def weather(settings: Settings, random: Random, *, most: int) -> Round:
    """One round: at most so many kills, then calm until all is made and nothing is in progress."""
    began = time.monotonic()
    kills: list[str] = []
    seen: dict[tuple[str, str | None], tuple[str, object]] = {}
    with platform(settings) as served:
        while len(kills) < most:
            target = random.choice(TARGETS[settings.executor])
            pids = strike(served, random, target)
            if not pids:
                break
            kills.append(target)
            seen = served.ledger() | seen
            what = f"killed {target} {pids}, {len(seen)} results are made"
            print(f"{settings.data.name} {time.monotonic() - began:5.0f} s  {what}", flush=True)
            time.sleep(random.uniform(0, 2))
            served.start()
        settle(served)
        made = served.ledger()
        again = {key: (at, made[key]) for key, at in seen.items() if made[key] != at}
        assert not again, f"results were made again: {again}"
        runs = Counter(run.status.value for run in served.instance.get_runs())
        backfills = len(served.backfills)
    return Round(settings.executor, kills, backfills, runs, time.monotonic() - began)


def rows(settings: Settings, table: str) -> pl.DataFrame:
    """The rows of a table without what differs from attempt to attempt, in one order."""
    found = Warehouse(path=settings.warehouse).read(f"SELECT * FROM {table}")
    kept = found.drop(OF_ONE_ATTEMPT, strict=False)
    return kept.select(pl.struct(pl.all()).alias("row")).sort("row")


def storm(folder: Path, *, kills: int, seed: int, videos: int = 24) -> list[Round]:
    """Rounds until all kills are dealt.

    Raises:
        AssertionError: Something was lost, made twice, or stuck.
    """
    random = Random(seed)
    films = folder / "films"
    captions = write_samples(films, count=videos, seed=seed)
    values = {"videos": films, "captions": captions, "videos_per_run": 8}
    undisturbed = remember(folder / "undisturbed", **values)
    command = [sys.executable, "-m", "gap_assets.cli", "run", "--data", str(undisturbed.data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    expected = {table: rows(undisturbed, table) for table in TABLES}
    rounds: list[Round] = []
    while kills > 0:
        executor = list(TARGETS)[len(rounds) % 2]
        settings = remember(folder / f"round-{len(rounds) + 1}", **values, executor=executor)
        rounds.append(weather(settings, random, most=min(kills, KILLS_A_ROUND)))
        assert rounds[-1].kills, "a round took no kill"
        kills -= len(rounds[-1].kills)
        for table in TABLES:
            assert rows(settings, table).equals(expected[table]), f"{table} differs"
        print(f"{len(TABLES)} tables equal, {sum(map(len, expected.values()))} rows", flush=True)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gap-storm-"))
    print(f"All logs are in {folder}, which goes when all is well.", flush=True)
    rounds = storm(folder, kills=asked.kills, seed=asked.seed)
    print(f"\n{'round':7}{'executor':14}{'kills':>5}{'backfills':>11}{'seconds':>9}  runs")
    for number, each in enumerate(rounds, 1):
        counts = f"{len(each.kills):5}{each.backfills:11}{each.seconds:9.0f}  {dict(each.runs)}"
        print(f"{number:<7}{each.executor:14}{counts}")
    print(dict(Counter(kill for each in rounds for kill in each.kills).most_common()))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""A data folder served by `gap dev`, driven over GraphQL as the UI drives it, and watched in /proc.

What is asked of it, and what is printed, is the business of the scripts that use it.
"""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import dagster as dg

from gap_assets.settings import Settings

LOCATION = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "gap_assets.definitions",
}
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
SECONDS_BETWEEN_LOOKS = 2.0
FINAL = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED", "COMPLETED"}


class Served:
    """`gap dev` on a free port: webserver, daemon and code server."""

    def __init__(self, settings: Settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = (settings.data / "served.log").open("a")
        line = [sys.executable, "-m", "gap_assets.cli", "dev", "--port", str(port)]
        self.process = subprocess.Popen(
            [*line, "--data", str(settings.data)],
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        self.wait(lambda: self.ask("{ version }"), patience_s=300)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(120)
        self.log.close()

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The answer to a GraphQL query; errors raise."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            content = json.load(answer)
        if content.get("errors"):
            raise RuntimeError(content["errors"][0]["message"])
        data: dict[str, Any] = content["data"]
        return data

    def wait(self, condition: Callable[[], Any], *, patience_s: float) -> None:
        """Waits until the condition holds."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"gap dev has stopped; see {self.log.name}") from None
            time.sleep(1)
        raise TimeoutError(f"nothing happened in {patience_s} s")

    def run(self, job: str, *, tags: Mapping[str, str] | None = None) -> None:
        """Launches a job and waits for its end."""
        parameters = {
            "selector": {**LOCATION, "pipelineName": job},
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]
            },
        }
        launched = self.ask(
            "mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {"
            " __typename ... on LaunchRunSuccess { run { runId } } } }",
            p=parameters,
        )["launchPipelineExecution"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"{job}: {launched}")
        self.run_id: str = launched["run"]["runId"]
        states: set[str] = set()

        def ended() -> bool:
            asked = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
            states.add(self.ask(asked, id=self.run_id)["runOrError"]["status"])
            return bool(states & {"SUCCESS", "FAILURE", "CANCELED"})

        self.wait(ended, patience_s=7200)
        if "SUCCESS" not in states:
            raise RuntimeError(f"{job} ended as {states}")

    def backfill(self, assets: Sequence[str]) -> str:
        """Launches a backfill of all partitions of some assets."""
        launched = self.ask(
            "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {"
            " __typename ... on LaunchBackfillSuccess { backfillId } } }",
            p={"assetSelection": [{"path": [a]} for a in assets], "allPartitions": True},
        )["launchPartitionBackfill"]
        if launched["__typename"] != "LaunchBackfillSuccess":
            raise RuntimeError(str(launched))
        return str(launched["backfillId"])

    def finish_backfill(self, backfill_id: str) -> None:
        """Waits for the end of a backfill."""
        states: set[str] = set()

        def ended() -> bool:
            asked = (
                "query($id: String!) { partitionBackfillOrError(backfillId: $id) {"
                " ... on PartitionBackfill { status } } }"
            )
            states.add(self.ask(asked, id=backfill_id)["partitionBackfillOrError"]["status"])
            return bool(states & FINAL)

        self.wait(ended, patience_s=6 * 3600)
        if "COMPLETED_SUCCESS" not in states:
            raise RuntimeError(f"the backfill ended as {states}")

    def steps(self, instance: dg.DagsterInstance) -> Iterator[tuple[str, float]]:
        """The seconds of each step of the last run, but for checks."""
        for step in instance.get_run_step_stats(self.run_id):
            if step.start_time and step.end_time and step.end_time - step.start_time > 1:
                yield f"  step {step.step_key}: s", step.end_time - step.start_time


class Watch:
    """Looks at the processes below `gap dev` and at the files' sizes, and keeps what it sees."""

    def __init__(self, served: Served, settings: Settings):
        self.root = served.process.pid
        self.settings = settings
        self.table = settings.data / f"watch-{int(time.time())}.csv"
        self.rows: list[tuple[float, str, int, float, float, float, float, float]] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.over.set()
        self.thread.join()

    def _look(self) -> None:
        with self.table.open("w", newline="") as file:
            written = csv.writer(file)
            while not self.over.wait(SECONDS_BETWEEN_LOOKS):
                sizes = self.sizes()
                for pid, role, memory, cpu in processes_below(self.root):
                    self.rows.append((time.time(), role, pid, memory, cpu, *sizes))
                    written.writerow(self.rows[-1])
                file.flush()

    def sizes(self) -> tuple[float, float, float]:
        """MB of the runs' events, of the rest of the instance, and of the warehouse."""
        home = self.settings.dagster_home
        files = {}
        for path in home.rglob("*"):
            with suppress(FileNotFoundError):  # SQLite's journals come and go.
                files[path] = path.stat().st_size
        runs = sum(size for p, size in files.items() if p.parent.name == "runs")
        warehouse = Path(self.settings.warehouse)
        size = warehouse.stat().st_size if warehouse.exists() else 0
        return runs / 1e6, (sum(files.values()) - runs) / 1e6, size / 1e6

    def peaks(self) -> Iterator[tuple[str, float]]:
        """The most memory that each kind of process had, in MB."""
        most: dict[str, float] = defaultdict(float)
        for _, role, _, memory, *_ in self.rows:
            most[role] = max(most[role], memory)
        for role, memory in most.items():
            yield f"  most memory, {role}: MB", memory

    def figures(self, count: int) -> Iterator[tuple[str, float | str]]:
        """Each run's CPU and wall seconds and memory; the sizes on the way; the daemon's memory."""
        runs: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for row in self.rows:
            if row[1] == "run worker":
                runs[row[2]].append(row)
        # What was there at the first look is a run of before.
        new = [
            rows for rows in runs.values() if rows[0][0] > self.rows[0][0] + SECONDS_BETWEEN_LOOKS
        ]
        ordered = sorted(new, key=lambda rows: rows[0][0])
        per_run = self.settings.videos_per_run
        for number, rows in enumerate(ordered, 1):
            of_run = min(per_run, count - per_run * (number - 1))
            cpu, wall = rows[-1][4], rows[-1][0] - rows[0][0]
            others = [r for r in self.rows if r[1] != "run worker" and r[0] <= rows[-1][0]]
            memory = {
                role: max(r[3] for r in others if r[1] == role) for role in {r[1] for r in others}
            }
            yield (
                f"  run {number}",
                f"{1000 * cpu / of_run:.0f} ms CPU and {1000 * wall / of_run:.0f} ms a video,"
                f" {max(r[3] for r in rows):.0f} MB; events {rows[-1][5]:.0f}, rest of the instance"
                f" {rows[-1][6]:.0f}, warehouse {rows[-1][7]:.0f} MB; "
                + ", ".join(f"{role} {mb:.0f} MB" for role, mb in sorted(memory.items())),
            )
        yield from self.peaks()


def processes_below(root: int) -> Iterator[tuple[int, str, float, float]]:
    """Each descendant's id, kind, resident MB and CPU seconds."""
    parents, states = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            line = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        states[pid] = (line, int(fields[21]) * PAGE / 1e6, sum(map(int, fields[11:13])) / TICK)
    below = {root}
    for _ in range(8):
        below |= {pid for pid, parent in parents.items() if parent in below}
    for pid in below & states.keys():
        line, memory, cpu = states[pid]
        yield pid, _kind(line), memory, cpu


def _kind(line: str) -> str:
    for words, kind in (
        ("spawn_main", "run worker"),
        ("resource_tracker", "tracker"),
        ("daemon", "daemon"),
        ("webserver", "webserver"),
        ("grpc", "code server"),
        ("code-server", "code server"),
    ):
        if words in line:
            return kind
    return "other"

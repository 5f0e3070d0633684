"""A backfill on a Ray cluster of two machines with a GPU each, one of which dies while it works.

Run with `pytest -m service gap_assets_tests/dagster/test_ray.py -s` after `make cluster`. The
machines are all this one, and the GPUs are pretended: Ray counts them, and the models run on the
CPU.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from gap_assets.dagster.runs import open_instance
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings
from gap_assets.world.samples import write_samples
from gap_assets_tests.dagster.test_service import FINAL, Server
from gap_assets_tests.faults.conftest import assert_same_rows, gap
from gap_assets_tests.services import free_port

pytest.importorskip("aiohttp_cors", reason="the cluster's packages are missing; `make cluster`")
pytestmark = [pytest.mark.service, pytest.mark.timeout(3600)]

VIDEOS = 9
MACHINE = "TEST_MACHINE"  # Marks all processes of a machine.
# More steps at once than there are GPUs, so that Ray has to keep them apart.
INSTANCE = """
telemetry: {enabled: false}
concurrency: {runs: {max_concurrent_runs: 3}, pools: {default_limit: 3, granularity: op}}
run_retries: {enabled: true, max_retries: 3}
run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}
"""


class Step(NamedTuple):
    """A step at work."""

    machine: str
    devices: str
    run: str
    key: str


class Cluster:
    """Machines of a Ray cluster, as processes that inherit the machine's name."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ray-"))  # Sockets want a short path.
        self.port, dashboard = free_port(), free_port()
        self.address = f"http://127.0.0.1:{dashboard}"
        self.head = ["--head", f"--port={self.port}", f"--dashboard-port={dashboard}"]
        self.head += [f"--ray-client-server-port={free_port()}", f"--temp-dir={self.directory}"]

    def start(self, machine: str, *, head: bool = False) -> None:
        command = [Path(sys.executable).with_name("ray"), "start"]
        command += self.head if head else [f"--address=127.0.0.1:{self.port}"]
        command += ["--num-cpus=2", "--num-gpus=1", "--object-store-memory=100000000"]
        command += [f"--dashboard-agent-listen-port={free_port()}", "--disable-usage-stats"]
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {MACHINE: machine, "PATH": programs}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    def kill(self, *machines: str) -> None:
        """Ends all processes of some machines at once, as a power cut does."""
        for pid, variables in _processes():
            if variables[MACHINE] in machines:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def steps(self) -> set[Step]:
        """The steps that work now, read from their processes."""
        return {
            Step(
                variables[MACHINE],
                variables.get("CUDA_VISIBLE_DEVICES", ""),
                json.loads(variables["RAY_JOB_CONFIG_JSON_ENV_VAR"])["metadata"]["dagster/run-id"],
                variables["DAGSTER_RUN_STEP_KEY"],
            )
            for pid, variables in _processes()
            if b"execute_step" in _read(pid, "cmdline")
        }


def _processes() -> Iterator[tuple[int, dict[str, str]]]:
    """The processes of all machines with their variables."""
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        pairs = _read(pid, "environ").decode(errors="replace").split("\0")
        variables = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if MACHINE in variables:
            yield pid, variables


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # It has ended.
        return b""


@pytest.fixture
def cluster():
    started = Cluster()
    try:
        started.start("first", head=True)
        started.start("second")
        yield started
    finally:
        started.kill("first", "second", "third")
        shutil.rmtree(started.directory, ignore_errors=True)


@pytest.fixture
def films(tmp_path):
    write_samples(tmp_path / "films", count=VIDEOS, seed=5)
    return tmp_path / "films"


@pytest.fixture
def server(cluster, films, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    home = tmp_path / "data" / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(INSTANCE)
    served = Server(tmp_path / "data", films, executor="ray")
    served.wait(lambda: served.ask("{ version }"), seconds=240)
    yield served
    os.killpg(served.process.pid, signal.SIGTERM)
    served.process.wait(60)


def test_a_backfill_survives_the_loss_of_a_machine(cluster, server, films, tmp_path):
    server.launch("catalogue")
    backfill = server.backfill_everything()
    done_on: dict[str, set[Step]] = defaultdict(set)
    killed = None
    while (status := server.backfill_status(backfill)) not in FINAL:
        steps = cluster.steps()
        on_gpus = Counter((step.machine, step.devices) for step in steps if step.devices)
        assert max(on_gpus.values(), default=0) <= 1, steps
        for step in steps:
            done_on[step.machine].add(step)
        working = {step for step in steps if step.machine == "second" and step.devices}
        if not killed and working and len(done_on["second"]) > 2:
            killed = working.pop()
            cluster.kill("second")
            cluster.start("third")
        time.sleep(0.5)
    for machine, steps in done_on.items():
        print(f"\n{machine}: {len(steps)} steps, {sum(bool(s.devices) for s in steps)} on its GPU")
    print(f"killed at work: {killed}")
    assert status == "COMPLETED_SUCCESS"
    assert set(done_on) == {"first", "second", "third"}
    with open_instance(server.settings) as instance:
        run = instance.get_run_by_id(killed.run)
        again = instance.get_run_by_id(run.tags["dagster/auto_retry_run_id"])
    print(f"run {run.run_id} is {run.status.value}, its retry {again.status.value}")
    assert (run.is_failure, again.is_success) == (True, True)

    # On one core, as a step there: UMAP magnifies the last bit in which two threads' sums differ.
    again = gap(
        *("run", films, "--captions", films / "captions.jsonl", "--frames-per-second", 2),
        *("--data", tmp_path / "undisturbed"),
        OMP_NUM_THREADS="1",
    )
    assert again.returncode == 0, again.stderr
    undisturbed = Settings(data=tmp_path / "undisturbed")
    assert current_status(server.settings).counts() == current_status(undisturbed).counts()
    assert_same_rows(server.settings, undisturbed)

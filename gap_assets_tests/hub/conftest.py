"""A hub with models on this machine, and the command `gap` as a user of it types it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gap_assets_tests.hub import repositories
from gap_assets_tests.hub.server import Hub

TAG = "mscoco_finetuned_laion2B-s13B-b90k"
MODEL = "coca_ViT-B-32"
BIN = "open_clip_pytorch_model.bin"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed, and how long it took."""

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def sentence(self) -> str:
        """The one line by which a command says why it ends."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("gap: ")]
        assert len(lines) == 1, self.stderr
        assert self.status == 1
        return lines[0]


def gap(*arguments: object, **variables: str) -> Said:
    """Runs the command in a process of its own."""
    started = time.monotonic()
    process = subprocess.run(
        [str(Path(sys.executable).with_name("gap")), *map(str, arguments)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return Said(
        status=process.returncode,
        stdout=re.sub(r"\x1b\[[\d;]*m", "", process.stdout),
        stderr=process.stderr,
        seconds=time.monotonic() - started,
    )


@pytest.fixture(scope="session")
def b32(tmp_path_factory) -> Path:
    """The repository of coca_ViT-B-32's production weights."""
    folder = tmp_path_factory.mktemp("coca") / "b32"
    return repositories.write_coca(folder, MODEL, seed=3, names=(BIN,))


@pytest.fixture(scope="session")
def phi(tmp_path_factory) -> Path:
    return repositories.write_phi(tmp_path_factory.mktemp("phi"), **repositories.SMALL_PHI)


@pytest.fixture(scope="session")
def flan_t5(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("t5")
    return repositories.write_flan_t5(folder, **repositories.SMALL_FLAN_T5)


@pytest.fixture
def serve(monkeypatch, tmp_path) -> Iterator[Callable[[dict[str, Path]], Hub]]:
    """Serves folders as repositories to commands whose cache is empty."""
    servers = []

    def start(folders: dict[str, Path]) -> Hub:
        server = Hub({name: repositories.files_of(folder) for name, folder in folders.items()})
        servers.append(server)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        return server

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield start
    for server in servers:
        server.close()

"""A hub with models on this machine, and the command `gap` as a user of it types it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gap_assets_tests.hub.repository import Repository
from gap_assets_tests.hub.server import Hub

TAG = "mscoco_finetuned_laion2B-s13B-b90k"
MODEL = "coca_ViT-B-32"
COCA = "laion/mscoco_finetuned_CoCa-ViT-B-32-laion2B-s13B-b90k"
PHI = "microsoft/phi-1_5"
FLAN_T5 = "google/flan-t5-base"
BIN = "open_clip_pytorch_model.bin"
# open_clip asks for `open_clip_model.safetensors`, which no CoCa's repository has.
SAFETENSORS = "open_clip_pytorch_model.safetensors"


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
        assert "Traceback" not in self.stdout + self.stderr
        return lines[0]


def gap(*arguments: object, **variables: str) -> Said:
    """Runs the command in a process of its own."""
    started = time.monotonic()
    process = subprocess.run(
        [str(Path(sys.executable).with_name("gap")), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Said(
        status=process.returncode,
        stdout=re.sub(r"\x1b\[[\d;]*m", "", process.stdout),
        stderr=process.stderr,
        seconds=time.monotonic() - started,
    )


@pytest.fixture(scope="session")
def models_folder() -> Iterator[Path]:
    """Where repositories are: gigabytes, which do not outlast the session."""
    with tempfile.TemporaryDirectory(prefix="gap-hub-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def b32(models_folder) -> Repository:
    """coca_ViT-B-32's production weights."""
    from gap_assets_tests.hub.cocas import coca_repository

    return coca_repository(models_folder / "b32", model=MODEL, tag=TAG, files=(BIN,))


@pytest.fixture(scope="session")
def phi(models_folder) -> Repository:
    from gap_assets_tests.hub.language_models import SMALL_PHI, phi_repository

    return phi_repository(models_folder / "phi", **SMALL_PHI)


@pytest.fixture(scope="session")
def flan_t5(models_folder) -> Repository:
    from gap_assets_tests.hub.language_models import SMALL_T5, t5_repository

    return t5_repository(models_folder / "t5", **SMALL_T5)


@pytest.fixture
def serve(monkeypatch, tmp_path) -> Iterator[Callable[..., Hub]]:
    """Serves repositories to commands whose cache is empty."""
    hubs: list[Hub] = []

    def start(*repositories: Repository) -> Hub:
        hubs.append(Hub(repositories))
        monkeypatch.setenv("HF_ENDPOINT", hubs[-1].endpoint)
        return hubs[-1]

    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING_FACE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield start
    for hub in hubs:
        hub.close()


@pytest.fixture
def served_here(monkeypatch, tmp_path) -> Iterator[Callable[..., Hub]]:
    """Serves repositories to this process, which has an empty cache, until the test ends."""
    from huggingface_hub import constants

    hubs: list[Hub] = []

    def start(*repositories: Repository) -> Hub:
        hubs.append(Hub(repositories))
        point_at(monkeypatch, hubs[-1].endpoint)
        return hubs[-1]

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    yield start
    for hub in hubs:
        hub.close()


def point_at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Has huggingface_hub, which reads its variables when it is imported, ask another hub."""
    from huggingface_hub import constants

    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

"""Repositories made once, a hub that serves them, and the command `gap` with a cache of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.hub.repository import Repository
from gap_assets_tests.hub.server import Hub

FINETUNED = "mscoco_finetuned_laion2b_s13b_b90k"
CAPTION_B_32 = "laion/mscoco_finetuned_CoCa-ViT-B-32-laion2B-s13B-b90k"
COCA_B_32 = "laion/CoCa-ViT-B-32-laion2B-s13B-b90k"
PHI = "microsoft/phi-1_5"
FLAN_T5 = "google/flan-t5-base"


@pytest.fixture(scope="session")
def models_folder() -> Iterator[Path]:
    """Where repositories and caches are: gigabytes, which do not outlast the session."""
    with tempfile.TemporaryDirectory(prefix="gap-hub-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def published(models_folder) -> list[Repository]:
    """coca_ViT-B-32 with both of its weights at their true size, small Phi and FLAN-T5."""
    from gap_assets_tests.hub import cocas, language_models

    b_32 = {"model": "coca_ViT-B-32"}
    both = (cocas.PICKLED, cocas.SAFETENSORS)
    return [
        cocas.coca_repository(
            models_folder / "finetuned", training=FINETUNED, files=(cocas.PICKLED,), **b_32
        ),
        cocas.coca_repository(
            models_folder / "coca", training="laion2b_s13b_b90k", files=both, **b_32
        ),
        language_models.phi_repository(models_folder / "phi", **language_models.SMALL_PHI),
        language_models.t5_repository(models_folder / "t5", **language_models.SMALL_T5),
    ]


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """A few drawn videos and their captions."""
    folder = tmp_path_factory.mktemp("clips")
    write_samples(folder, count=4, seed=11)
    return folder


@dataclass(frozen=True)
class Gap:
    """The command as a user types it, with a cache of models of its own.

    Attributes:
        home: `HF_HOME`.
        endpoint: `HF_ENDPOINT`.
        more: Other variables.
    """

    home: Path
    endpoint: str
    more: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, seconds: float = 1500) -> subprocess.CompletedProcess:
        """Runs it to its end.

        Raises:
            subprocess.TimeoutExpired: If it takes longer than `seconds`.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        own = {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HF_HOME": str(self.home),
            "HF_ENDPOINT": self.endpoint,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return subprocess.run(
            [Path(sys.executable).with_name("gap"), *map(str, arguments)],
            env=kept | own | self.more,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )


@pytest.fixture(scope="session")
def hub(published) -> Iterator[Hub]:
    with Hub(published) as hub:
        yield hub


def count(data: Path, table: str) -> int:
    """Rows of a table; none where there is no warehouse."""
    warehouse = Warehouse(path=Settings(data=data).warehouse)
    return warehouse.read(f"SELECT count(*) AS n FROM {table}")["n"][0] if warehouse.exists() else 0

"""What is wrong with a model is one sentence, within seconds, before any video is decoded."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gap_assets_tests.hub import repositories
from gap_assets_tests.hub.conftest import BIN, MODEL, TAG, gap
from gap_assets_tests.hub.repositories import coca_repository
from gap_assets_tests.hub.server import COMMIT

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

COCA = coca_repository(MODEL, TAG)
OPTIONS = ["--models", "hub", "--coca", MODEL]
SECONDS = 15  # on an idle machine; imports take most of it


@pytest.fixture
def refused(tmp_path, world):
    """The sentence by which `gap run` refuses, having decoded nothing."""

    def run(*options: object, **variables: str) -> str:
        said = gap("run", world, "--data", tmp_path / "data", *(options or OPTIONS), **variables)
        assert not (tmp_path / "data" / "gap.duckdb").exists()
        assert said.seconds < SECONDS * max(1, load())
        return said.sentence

    return run


def load() -> float:
    """How many times as long everything takes because of what else the machine does."""
    return float(Path("/proc/loadavg").read_text().split()[0])


def test_a_hub_that_cannot_be_reached(serve, refused):
    serve({}).close()
    assert f"{COCA} is not in the local cache and could not be downloaded" in refused()


def test_a_hub_that_never_answers(serve, refused):
    serve({})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "(timed out); check the connection and HF_ENDPOINT" in refused(HF_ENDPOINT=endpoint)


def test_no_such_repository(serve, refused):
    serve({})
    assert f"There is no model repository '{COCA}' at http" in refused()


def test_a_gated_language_model(serve, refused, b32, phi):
    hub = serve({COCA: b32, repositories.PHI: phi})
    hub.gated.add(repositories.PHI)
    sentence = refused()
    assert f"{repositories.PHI} is gated: accept its terms at {hub.endpoint}" in sentence


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_half_a_file_in_the_cache(serve, refused, b32, phi, tmp_path, kind):
    serve({}).close()
    cached = tmp_path / "hf" / "hub"
    for repository, name in ((COCA, BIN), (repositories.PHI, "model.safetensors")):
        home = cached / f"models--{repository.replace('/', '--')}"
        folder = home / "snapshots" / COMMIT
        shutil.copytree(b32 if repository == COCA else phi, folder)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text(COMMIT)
        if name.endswith(kind):
            with (folder / name).open("r+b") as file:
                file.truncate(1000)
    assert "is damaged or incomplete; delete it and run this again." in refused()


def test_a_download_that_breaks(serve, refused, b32, phi):
    hub = serve({COCA: b32, repositories.PHI: phi})
    hub.claims[BIN] = {"lfs": {"size": 10, "sha256": "0" * 64, "pointerSize": 134}, "size": 10}
    hub.drops[BIN] = 99
    hub.drop_after = 100_000
    assert COCA in refused()


def test_a_full_disk(serve, refused, b32, phi, tmp_path):
    serve({COCA: b32, repositories.PHI: phi})
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        sentence = refused(HF_HOME=str(small))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert "GB are free in" in sentence
    assert "free some space, or set HF_HOME to another disk" in sentence


def test_a_wrong_tag(serve, refused):
    serve({})
    sentence = refused(*OPTIONS, "--weights", "laion5b")
    assert "'laion5b' is neither a file nor a tag of coca_ViT-B-32's weights" in sentence


def test_a_model_that_is_no_coca(serve, refused):
    serve({})
    sentence = refused("--models", "hub", "--coca", "ViT-B-32", "--weights", "openai")
    assert "ViT-B-32 is no CoCa and writes no captions" in sentence


def test_weights_of_another_model(serve, refused, phi, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    torch.save({"text.token_embedding.weight": torch.zeros(3, 3)}, other / BIN)
    serve({COCA: other, repositories.PHI: phi})
    assert "does not hold the weights of coca_ViT-B-32" in refused()


def test_a_language_model_without_safetensors(serve, refused, b32, phi, tmp_path):
    other = shutil.copytree(phi, tmp_path / "other")
    (other / "model.safetensors").rename(other / "pytorch_model.bin")
    serve({COCA: b32, repositories.PHI: other})
    assert "no weights as safetensors, and other formats can carry code" in refused()


def test_a_model_that_writes_no_text(serve, refused, b32, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_text("{}")
    (other / "config.json").write_text('{"model_type": "vit"}')
    save_file({"a": torch.zeros(3)}, other / "model.safetensors")
    serve({COCA: b32, "google/vit": other})
    sentence = refused(*OPTIONS, "--summarizer", "google/vit")
    assert "google/vit is no language model that writes text" in sentence

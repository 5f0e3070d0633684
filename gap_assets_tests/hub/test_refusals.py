"""What is wrong with a model is one sentence, within seconds, before any video is decoded."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import snapshot_download
from safetensors.torch import save_file

from gap_assets_tests.hub.conftest import BIN, COCA, MODEL, PHI, gap
from gap_assets_tests.hub.faults import halve, silent_hub
from gap_assets_tests.hub.repository import Repository

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

OPTIONS = ["--models", "hub", "--coca", MODEL, "--encoders", "none"]
SECONDS = 15


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
    serve().close()
    assert f"{PHI} is not in the local cache and could not be downloaded" in refused()


@pytest.mark.parametrize("cached", [False, True])
def test_a_hub_that_never_answers(serve, refused, phi, tmp_path, cached):
    hub = serve(phi)
    if cached:  # It is CoCa's weights that are asked for.
        snapshot_download(PHI, endpoint=hub.endpoint, cache_dir=tmp_path / "hf" / "hub")
    with silent_hub() as endpoint:
        assert "(timed out); check the connection and HF_ENDPOINT" in refused(HF_ENDPOINT=endpoint)


def test_no_such_repository(serve, refused, phi):
    serve(phi)
    assert f"There is no model repository '{COCA}' at http" in refused()


@pytest.mark.parametrize("token", [None, "hf_mine"])
def test_a_gated_language_model(serve, refused, b32, phi, token):
    hub = serve(b32, replace(phi, gated=True))
    variables = {"HF_TOKEN": token} if token else {}
    sentence = refused(**variables)
    assert f"{PHI} is gated: accept its terms at {hub.endpoint}" in sentence
    # Before the other model is downloaded, and to one who only asks whether all is well.
    assert not hub.asked("/content/")
    assert gap("check", *OPTIONS, **variables).sentence == sentence


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_half_a_file_in_the_cache(serve, refused, b32, phi, tmp_path, kind):
    hub = serve(b32, phi)
    for repository in (b32, phi):
        snapshot_download(repository.name, endpoint=hub.endpoint, cache_dir=tmp_path / "hf" / "hub")
    hub.close()
    [half] = (tmp_path / "hf" / "hub").glob(f"*/snapshots/*/*.{kind}")
    blob = halve(half)
    assert f"{blob} is damaged or incomplete; delete it and run this again." in refused()


def test_a_download_that_breaks(serve, refused, b32, phi):
    hub = serve(b32, phi)
    hub.faults.drops = {BIN: 10**6}
    hub.faults.drop_after = 0
    assert COCA in refused()


def test_a_full_disk(serve, refused, b32, phi, tmp_path):
    serve(b32, phi)
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


def test_a_wrong_tag(serve, refused, phi):
    serve(phi)
    sentence = refused(*OPTIONS, "--weights", "laion5b")
    assert "'laion5b' is neither a file nor a tag of coca_ViT-B-32's weights" in sentence


def test_a_model_that_is_no_coca(serve, refused, phi):
    serve(phi)
    sentence = refused("--models", "hub", "--coca", "ViT-B-32", "--weights", "openai")
    assert "ViT-B-32 is no CoCa and writes no captions" in sentence


def test_weights_of_another_model(serve, refused, phi, tmp_path):
    torch.save({"text.token_embedding.weight": torch.zeros(3, 3)}, tmp_path / BIN)
    serve(Repository(name=COCA, files={BIN: tmp_path / BIN}), phi)
    assert "does not hold the weights of coca_ViT-B-32" in refused()


def test_a_language_model_without_safetensors(serve, refused, b32, phi):
    files = dict(phi.files)
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    serve(b32, replace(phi, files=files))
    assert "no weights as safetensors, and other formats can carry code" in refused()


def test_a_model_that_writes_no_text(serve, refused, b32, tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    files = {"config.json": b'{"model_type": "vit"}', "tokenizer.json": b"{}"}
    files["model.safetensors"] = tmp_path / "model.safetensors"
    serve(b32, Repository(name="google/vit", files=files))
    sentence = refused(*OPTIONS, "--summarizer", "google/vit")
    assert "google/vit is no language model that writes text" in sentence

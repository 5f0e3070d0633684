"""The hub of the tests answers open_clip and transformers as the real one does."""

import subprocess
import sys

import pytest

from gap_assets_tests.hub import repositories
from gap_assets_tests.hub.repositories import files_of
from gap_assets_tests.hub.server import Hub

ASK = """
import sys
from huggingface_hub import HfApi, errors, hf_hub_download
from transformers import AutoConfig, AutoTokenizer
print(AutoConfig.from_pretrained(sys.argv[1]).model_type)
print(len(AutoTokenizer.from_pretrained(sys.argv[1])("a man")["input_ids"]) > 0)
for repository, name in ((sys.argv[1], "nothing.txt"), ("no/repository", "config.json")):
    try:
        hf_hub_download(repository, name)
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError) as error:
        print(type(error).__name__)
sizes = {f.rfilename: f.size for f in HfApi().model_info(sys.argv[1], files_metadata=True).siblings}
print(sizes["model.safetensors"])
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    folder = repositories.write_phi(tmp_path / "phi", **repositories.SMALL_PHI)
    server = Hub({repositories.PHI: files_of(folder)})
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield server
    server.close()


def test_the_libraries_find_what_the_real_hub_has(hub):
    command = [sys.executable, "-c", ASK, repositories.PHI]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    weights = hub.repositories[repositories.PHI]["model.safetensors"]
    assert said.stdout.split() == [
        "phi",
        "True",
        "RemoteEntryNotFoundError",
        "RepositoryNotFoundError",
        str(weights.stat().st_size),
    ], said.stderr

"""What `huggingface_hub` gets from the hub of the tests: files, codes, what it caches of them."""

import socket
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gap_assets_tests.hub.faults import absent_hub, halve, silent_hub
from gap_assets_tests.hub.repository import Repository, etag
from gap_assets_tests.hub.server import Hub

CONFIG = b'{"model_type": "phi"}'
WEIGHTS = bytes(range(256)) * 4000


@pytest.fixture
def repositories(tmp_path) -> list[Repository]:
    weights = tmp_path / "published" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(WEIGHTS)
    files = {"config.json": CONFIG, "a folder/b.json": b"[]", "model.safetensors": weights}
    return [
        Repository(name="owner/model", files=dict(files), commit="1" * 40),
        Repository(name="owner/gated", files=dict(files), gated=True),
    ]


@pytest.fixture
def hub(repositories):
    with Hub(repositories) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def test_a_listing_names_files_sizes_and_versions(hub, repositories):
    api = HfApi(hub.endpoint)
    info = api.model_info("owner/model", files_metadata=True)
    small, _, large = info.siblings
    assert (info.sha, small.rfilename, small.size) == ("1" * 40, "config.json", len(CONFIG))
    assert small.blob_id == "d21d0ed2503daf94acb70f83804f5d0e9a4f7d83"  # `git hash-object`
    assert small.lfs is None
    assert large.lfs.sha256 == etag("model.safetensors", WEIGHTS)
    assert large.lfs.size == large.size == len(WEIGHTS)
    assert api.model_info("owner/model", revision="1" * 40).siblings[0].size is None
    entries = list(api.list_repo_tree("owner/model", recursive=True))
    assert {entry.path for entry in entries} == set(repositories[0].files)
    assert entries[2].lfs.sha256 == large.lfs.sha256
    with pytest.raises(RevisionNotFoundError):
        api.model_info("owner/model", revision="v2")
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree("owner/model", "additional_chat_templates"))


def test_files_come_from_two_servers_and_are_cached_under_their_versions(hub, cache):
    small, large = (
        Path(hf_hub_download("owner/model", name, endpoint=hub.endpoint, cache_dir=cache))
        for name in ("config.json", "model.safetensors")
    )
    assert small.read_bytes() == CONFIG
    assert large.read_bytes() == WEIGHTS
    assert small.resolve().name == etag("config.json", CONFIG)
    assert large.resolve().name == etag("model.safetensors", WEIGHTS)
    assert small.parent.name == "1" * 40
    assert hub.asked("/content/") == ["/content/owner/model/model.safetensors"]
    hub.requests.clear()
    folder = snapshot_download("owner/model", endpoint=hub.endpoint, cache_dir=cache)
    assert (Path(folder) / "a folder" / "b.json").read_bytes() == b"[]"
    assert not hub.asked("/content/")
    assert hub.sent == len(WEIGHTS) + len(CONFIG) + 2


def test_what_is_not_there_or_not_allowed_has_the_hubs_own_error(hub, cache):
    here = {"endpoint": hub.endpoint, "cache_dir": cache}
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("owner/model", "tokenizer.json", **here)
    assert [path.name for path in cache.glob("*/.no_exist/*/*")] == ["tokenizer.json"]
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("owner/model", "config.json", revision="v2", **here)
    for token, status in ((False, 401), ("hf_mine", 404)):
        with pytest.raises(RepositoryNotFoundError) as unknown:
            HfApi(hub.endpoint, token=token).model_info("owner/typo")
        assert unknown.value.response.status_code == status
    # Anyone may see which files a gated repository has.
    assert len(HfApi(hub.endpoint).model_info("owner/gated").siblings) == 3
    for token, status in ((False, 401), ("hf_mine", 403)):
        with pytest.raises(GatedRepoError) as gated:
            hf_hub_download("owner/gated", "config.json", token=token, **here)
        assert gated.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            HfApi(hub.endpoint, token=token).auth_check("owner/gated")


def test_a_broken_download_goes_on_where_it_stopped(hub, cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1024)
    hub.faults.drops = {"model.safetensors": 1}
    hub.faults.drop_after = 300 * 1024
    path = hf_hub_download(
        "owner/model", "model.safetensors", endpoint=hub.endpoint, cache_dir=cache
    )
    assert Path(path).read_bytes() == WEIGHTS
    assert hub.requests[-1][1] == f"bytes={300 * 1024}-"
    assert hub.sent == len(WEIGHTS)


def test_half_a_file_in_the_cache_is_taken_for_a_whole_one(hub, cache):
    """Which is why loading must see it."""
    here = {"endpoint": hub.endpoint, "cache_dir": cache}
    path = Path(hf_hub_download("owner/model", "model.safetensors", **here))
    assert halve(path).stat().st_size == len(WEIGHTS) // 2
    assert Path(hf_hub_download("owner/model", "model.safetensors", **here)) == path
    assert len(path.read_bytes()) == len(WEIGHTS) // 2


def test_hubs_that_do_not_answer():
    def port(endpoint: str) -> tuple[str, int]:
        return "127.0.0.1", int(endpoint.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(port(absent_hub()), timeout=1)
    with (
        silent_hub() as endpoint,
        socket.create_connection(port(endpoint), timeout=0.2) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)

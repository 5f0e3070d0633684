"""The whole way from a hub, or from files at hand, into a folder."""

import hashlib
import os
import subprocess
import sys

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from gap_assets.activitynet.archive import FetchError
from gap_assets.activitynet.fetch import Fetched, fetch_activitynet
from gap_assets.cli import app
from gap_assets.pipeline.reference_captions import CaptionsFileError, read_captions
from gap_assets.settings import Settings
from gap_assets_tests.activitynet.conftest import STEM, archive, contents, member, pieces_of, write


@pytest.fixture
def fetch(tmp_path, hub):
    """Fetches from the hub and returns the lines that were told."""

    def call(**arguments) -> list[str]:
        lines: list[str] = []
        folder = tmp_path / "activitynet"
        found = fetch_activitynet(folder, endpoint=hub.endpoint, tell=lines.append, **arguments)
        assert found == Fetched(folder / "videos", folder / "captions")
        return lines

    return call


def claim_as_it_is(repository, name) -> None:
    """The listing goes on to say of a file what is true now."""
    siblings = {entry["rfilename"]: entry for entry in repository.info(blobs=True)["siblings"]}
    repository.claims[name] = siblings[name]


def pieces_in(folder) -> dict[str, bytes]:
    paths = sorted(folder.glob("pieces/*/*"), key=lambda path: path.name)
    return {path.name: path.read_bytes() for path in paths}


def wanted_bytes(dataset) -> int:
    return sum(len(content) for name, content in dataset.files.items() if name != "README.md")


def test_the_data_set_is_fetched_extracted_and_the_pieces_deleted(tmp_path, hub, dataset, fetch):
    lines = fetch()
    folder = tmp_path / "activitynet"
    assert contents(folder / "videos") == dataset.videos
    files = {".lock", "captions", "videos", "videos.json"}
    assert {path.name for path in folder.iterdir()} == files
    assert set(contents(folder / "captions")) == {n for n in dataset.files if n.endswith(".json")}
    assert "0.0 GB of pieces to fetch" in lines[0]
    assert lines[1].startswith("5 videos extracted, 0 were in place; 0 other files left out")
    assert lines[2].startswith("5 videos are in")
    assert "5 have captions" in lines[2]
    assert hub.sent == wanted_bytes(dataset)


def test_captions_of_the_splits_belong_together(tmp_path, fetch):
    fetch()
    rows = read_captions(tmp_path / "activitynet" / "captions").to_dicts()
    assert [row["split"] for row in rows] == ["train"] * 3 + ["val_1", "val_2"]
    assert {row["dataset"] for row in rows} == {"ActivityNet Captions"}
    assert (rows[3]["video_id"], rows[3]["caption"]) == ("v_world-0003", "v_world-0003 in val_1.")
    assert rows[3]["sentences"] == ["v_world-0003 in val_1."]
    assert rows[3]["timestamps"] == [[0.0, 3.0]]


def test_once_complete_the_hub_is_not_asked_again(tmp_path, hub, dataset, fetch):
    fetch()
    hub.requests.clear()
    fetch()
    assert hub.requests == []
    (tmp_path / "activitynet" / "videos" / "v_world-0002.mp4").unlink()
    fetch()
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos


@pytest.mark.parametrize("reset", [False, True])
def test_dropped_connections_are_taken_up_where_they_broke(tmp_path, hub, dataset, fetch, reset):
    hub.faults.reset = reset
    pieces = [n for n, c in dataset.files.items() if STEM in n and len(c) > hub.faults.drop_after]
    hub.faults.drops = dict.fromkeys(pieces, 1)
    fetch()
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos
    assert hub.sent == wanted_bytes(dataset)
    resumed = [asked for path, asked in hub.requests if asked and "content" in path]
    assert resumed == ["bytes=5120-"] * len(pieces)


def test_what_arrived_before_a_lasting_failure_is_not_fetched_again(tmp_path, hub, dataset, fetch):
    name = f"{STEM}001"
    hub.faults.drops = {name: 10**6}
    hub.faults.drop_after = 0
    with pytest.raises(FetchError, match=rf"{name} cannot .*goes on at byte 0 of 12,288"):
        fetch()
    assert f"{STEM}000" in pieces_in(tmp_path / "activitynet")
    hub.faults.drops = {}
    hub.requests.clear()
    fetch()
    assert not any(f"{STEM}000" in path for path, _ in hub.requests)
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos


def test_a_truncated_piece_on_the_hub_is_named(tmp_path, repository, dataset, fetch):
    name = f"{STEM}002"
    whole = repository.files[name]
    claim_as_it_is(repository, name)
    repository.files[name] = whole[:9000]
    with pytest.raises(FetchError, match=rf"{name} cannot be fetched.*repeat.*9,000 of 12,288"):
        fetch()
    repository.files[name] = whole
    fetch()
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos


def test_a_piece_with_a_wrong_checksum_is_removed_and_fetched_again(
    tmp_path, repository, dataset, fetch
):
    name = f"{STEM}001"
    whole = repository.files[name]
    claim_as_it_is(repository, name)
    repository.files[name] = whole[:100] + b"?" + whole[101:]
    with pytest.raises(FetchError, match=f"{name} arrived with a wrong checksum"):
        fetch()
    assert set(pieces_in(tmp_path / "activitynet")) == {f"{STEM}000"}
    repository.files[name] = whole
    fetch()
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos


@pytest.mark.parametrize(
    ("number", "change", "sentence"),
    [
        (2, None, "part-002 is missing"),
        (1, lambda content: content[:-1], "part-001 is truncated"),
    ],
)
def test_a_gap_in_the_listing_is_named_before_anything_is_fetched(
    hub, repository, fetch, number, change, sentence
):
    name = f"{STEM}{number:03d}"
    content = repository.files.pop(name)
    if change:
        repository.files[name] = change(content)
    with pytest.raises(FetchError, match=sentence):
        fetch()
    assert not any("tar" in path for path, _ in hub.requests)


def test_the_room_that_is_needed_is_said_before_pieces_are_fetched(hub, repository, fetch):
    for name in (name for name in repository.files if STEM in name):
        repository.claims[name] = {"size": 10**16}
    with pytest.raises(FetchError, match=r"GB are needed .* are free; make room"):
        fetch()
    assert not any("tar" in path for path, _ in hub.requests)


def test_pieces_stay_where_a_member_was_refused(tmp_path, hub, repository, dataset, fetch):
    members = [member(f"a/{name}", content) for name, content in dataset.videos.items()]
    tar = archive([member("../v_out.mp4", b"x"), *members])
    repository.files = {n: c for n, c in repository.files.items() if STEM not in n} | pieces_of(tar)
    lines = fetch()
    assert contents(tmp_path / "activitynet" / "videos") == dataset.videos
    assert lines[2].startswith("'../v_out.mp4' is refused")
    assert "The pieces stay" in lines[3]
    assert b"".join(pieces_in(tmp_path / "activitynet").values()) == tar
    hub.requests.clear()
    assert fetch()[1].startswith("0 videos extracted, 5 were in place")
    assert not any("tar" in path for path, _ in hub.requests)


def test_a_new_version_of_the_data_set_is_not_mixed_with_the_old(
    tmp_path, repository, dataset, fetch
):
    name = f"{STEM}003"
    kept = repository.files[name]
    claim_as_it_is(repository, name)
    repository.files[name] = b""
    with pytest.raises(FetchError, match="cannot be fetched"):
        fetch()
    repository.claims = {}
    repository.files[name] = kept
    videos = {name: content[::-1] for name, content in dataset.videos.items()}
    tar = archive([member(f"a/{name}", content) for name, content in videos.items()])
    repository.files = {n: c for n, c in repository.files.items() if STEM not in n} | pieces_of(tar)
    fetch()
    assert contents(tmp_path / "activitynet" / "videos") == videos


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", None])
def test_a_hub_that_does_not_answer_is_one_sentence(tmp_path, hub, repository, endpoint):
    repository.files = {}
    with pytest.raises(
        FetchError, match=r"(cannot be listed|has no) .*(HF_ENDPOINT|pieces)"
    ) as caught:
        fetch_activitynet(tmp_path / "a", endpoint=endpoint or hub.endpoint, captions=tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_second_command_waits_for_the_first(tmp_path, fetch):
    (tmp_path / "activitynet").mkdir()
    with (
        FileLock(tmp_path / "activitynet" / ".lock"),
        pytest.raises(FetchError, match="Another command"),
    ):
        fetch()
    fetch()


def test_local_pieces_are_extracted_and_left_alone(tmp_path, dataset):
    source = tmp_path / "downloads"
    write(source, dataset.files)
    lines: list[str] = []
    found = fetch_activitynet(tmp_path / "a", source=source, tell=lines.append)
    assert found == Fetched(tmp_path / "a" / "videos", source)
    assert contents(found.videos) == dataset.videos
    assert contents(source) == dataset.files
    assert any("no longer needed" in line for line in lines)


def test_checksums_beside_local_pieces_are_verified(tmp_path, dataset):
    source = tmp_path / "downloads"
    pieces = write(source, dataset.files)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in pieces]
    (source / "SHA256SUMS").write_text("".join(sums))
    content = dataset.files[f"{STEM}001"]
    (source / f"{STEM}001").write_bytes(content[:9] + b"?" + content[10:])
    with pytest.raises(FetchError, match="part-001 is not the file"):
        fetch_activitynet(tmp_path / "a", source=source)
    (source / f"{STEM}001").write_bytes(content)
    fetch_activitynet(tmp_path / "a", source=source)


def test_a_folder_of_videos_is_used_where_it_is(tmp_path, world):
    found = fetch_activitynet(tmp_path / "a", source=world)
    assert found == Fetched(world, world)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {".lock"}


def test_without_captions_nothing_is_extracted(tmp_path, dataset):
    write(tmp_path / "b", {n: c for n, c in dataset.files.items() if STEM in n})
    with pytest.raises(CaptionsFileError, match="holds no captions"):
        fetch_activitynet(tmp_path / "a", source=tmp_path / "b")
    assert not (tmp_path / "a" / "videos").exists()


@pytest.mark.shared
def test_the_original_annotations_serve_as_captions(tmp_path, shared, world):
    annotations = shared / "annotations" / "activitynet_captions"
    lines: list[str] = []
    found = fetch_activitynet(tmp_path / "a", source=world, captions=annotations, tell=lines.append)
    rows = read_captions(found.captions)
    assert rows.group_by("split").len().sort("split").rows() == [
        ("train", 10_009),
        ("val_1", 4_917),
    ]
    assert "5 videos are in" in lines[0]


def test_the_command_takes_files_at_hand_and_remembers_them(tmp_path, dataset):
    source = tmp_path / "my downloads"
    write(source, dataset.files)
    arguments = ["fetch-activitynet", "--data", str(tmp_path / "data"), "--from", str(source)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"Next: gap run --models hub --data {tmp_path / 'data'}" in result.stdout
    settings = Settings(data=tmp_path / "data")
    assert settings.videos == tmp_path / "data" / "activitynet" / "videos"
    assert settings.captions == source
    (source / f"{STEM}001").unlink()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr == f"gap: The piece {STEM}001 is missing; put it beside the others.\n"


def test_the_command_asks_the_hub_that_the_environment_names(tmp_path, hub, dataset):
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "GAP_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "gap_assets.cli", "fetch-activitynet"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "5 videos extracted" in done.stdout
    assert contents(tmp_path / "data" / "activitynet" / "videos") == dataset.videos
    assert Settings(data=tmp_path / "data").captions == tmp_path / "data/activitynet/captions"

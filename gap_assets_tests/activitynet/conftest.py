import io
import json
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from gap_assets.activitynet.hub import REPOSITORY
from gap_assets_tests.hub.repository import Repository
from gap_assets_tests.hub.server import Hub

STEM = "ActivityNet_Videos.tar.part-"
PIECE = 12 * 1024


class Dataset(NamedTuple):
    """What the hub holds: the videos by name, and all its files."""

    videos: dict[str, bytes]
    files: dict[str, bytes]


def archive(members: list[tuple[tarfile.TarInfo, bytes]], *, format: int = tarfile.GNU_FORMAT):  # noqa: A002
    """A tar archive of the members, in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def pieces_of(content: bytes, size: int = PIECE) -> dict[str, bytes]:
    starts = range(0, len(content), size)
    return {f"{STEM}{k:03d}": content[start : start + size] for k, start in enumerate(starts)}


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    return paths


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, but hidden ones."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }


def record(video: str, sentence: str) -> dict[str, object]:
    return {
        "video_id": video,
        "video": f"{video}.mp4",
        "caption": sentence,
        "source": "ActivityNet_Captions",
        "duration": 3.0,
        "timestamps": [[0.0, 3.0]],
        "sentences": [sentence],
    }


@pytest.fixture(scope="session")
def dataset(world) -> Dataset:
    """The drawn videos in the layout of the data set on the hub."""
    videos = {f"v_{path.name}": path.read_bytes() for path in sorted(world.glob("*.mp4"))}
    folder = member("Activity_Videos", type=tarfile.DIRTYPE, mode=0o755)
    tar = archive([folder, *(member(f"Activity_Videos/{n}", c) for n, c in videos.items())])
    ids = [Path(name).stem for name in videos]
    splits = {
        "train": [record(video, f"{video} in train.") for video in ids[:3]],
        "val1": [record(video, f"{video} in val_1.") for video in ids[3:4]],
        "val2": [record(video, f"{video} in val_2.") for video in ids[3:]],
    }
    captions = {
        f"activitynet_captions_{split}.json": json.dumps(records).encode()
        for split, records in splits.items()
    }
    pieces = pieces_of(tar)
    assert len(pieces) >= 3
    return Dataset(videos, {"README.md": b"# About", **captions, **pieces})


@pytest.fixture
def repository(dataset) -> Repository:
    """The data set on the hub, for the test to change."""
    return Repository(name=REPOSITORY, kind="datasets", files=dict(dataset.files))


@pytest.fixture
def hub(repository, monkeypatch):
    # Of a chunk that a break interrupts nothing is kept, and ours are small files.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1024)
    with Hub([repository]) as hub:
        yield hub

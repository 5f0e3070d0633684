"""The hub profile from the command line: online, then from the cache with the hub gone."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.hub.conftest import CAPTION_B_32, FLAN_T5, PHI, Gap, count
from gap_assets_tests.hub.faults import absent_hub
from gap_assets_tests.hub.repository import is_large, size_of

pytestmark = [pytest.mark.service, pytest.mark.timeout(3000)]

TABLES = (
    "frames",
    "frame_captions",
    "frame_embeddings",
    "filtered_captions",
    "video_summaries",
    "text_embeddings",
    "untrained_embeddings",
    "projections",
    "gap_metrics",
)
TEXTS = {
    "frame_captions": "SELECT video_id, frame_index, caption FROM frame_captions ORDER BY ALL",
    "video_summaries": "SELECT video_id, summary FROM video_summaries ORDER BY ALL",
}


@pytest.fixture(scope="module")
def home(models_folder) -> Path:
    return models_folder / "home"


def chosen(clips: Path, data: Path, summarizer: str) -> list[object]:
    models = ["--models", "hub", "--coca", "coca_ViT-B-32", "--summarizer", summarizer]
    return ["run", clips, "--data", data, "--captions", clips / "captions.jsonl", *models]


def texts(data: Path) -> dict[str, pl.DataFrame]:
    warehouse = Warehouse(path=Settings(data=data).warehouse)
    return {table: warehouse.read(query) for table, query in TEXTS.items()}


def assert_complete(data: Path, *, videos: int) -> None:
    """Every table holds rows, every text is one, and no two videos have the same."""
    assert {table for table in TABLES if not count(data, table)} == set()
    assert count(data, "failures") == 0
    found = texts(data)
    captions, summaries = found["frame_captions"], found["video_summaries"]
    assert captions.filter(pl.col("caption").str.strip_chars() == "").is_empty()
    assert captions["caption"].n_unique() > len(captions) / 2
    assert summaries["summary"].n_unique() == len(summaries) == videos
    content = json.loads((Settings(data=data).report / "report.json").read_text())
    assert content["verdict"]
    for table in ("frame_embeddings", "text_embeddings"):
        rows = Warehouse(path=Settings(data=data).warehouse).read_embeddings(f"FROM {table}")
        assert np.isfinite(rows["embedding"].to_numpy()).all()


@pytest.fixture(scope="module")
def online(hub, home, clips, models_folder):
    """A first run, which downloads the models."""
    hub.requests.clear()
    data = models_folder / "online"
    done = Gap(home, hub.endpoint)(*chosen(clips, data, PHI))
    assert done.returncode == 0, done.stdout + done.stderr
    return data, done, list(hub.requests)


def test_a_run_downloads_what_it_needs_and_goes_all_the_way(online, published):
    data, done, requests = online
    assert_complete(data, videos=4)
    assert "Traceback" not in done.stdout + done.stderr
    assert "report.html" in done.stdout
    fetched = [path for path, _ in requests if path.startswith("/content/")]
    weights = {f"/content/{CAPTION_B_32}/open_clip_pytorch_model.bin"}
    assert set(fetched) == weights | {f"/content/{PHI}/model.safetensors"}
    assert len(fetched) == 2
    # What is coming, how large it is, and bars while it comes.
    size = sum(
        size_of(content)
        for repository in published
        if repository.name in (CAPTION_B_32, PHI)
        for name, content in repository.files.items()
        if is_large(name)
    )
    assert f"{size / 1e9:.3g} GB" in done.stdout
    assert "100%" in done.stderr


def test_once_more_with_the_hub_gone_gives_the_same_captions(online, home, clips, models_folder):
    data, *_ = online
    again = models_folder / "offline"
    done = Gap(home, absent_hub())(*chosen(clips, again, PHI))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_complete(again, videos=4)
    for table, rows in texts(again).items():
        assert rows.equals(texts(data)[table]), table


def test_another_language_model_is_one_option_and_makes_only_summaries_again(
    online, hub, home, clips
):
    """FLAN-T5 in the same data folder; its pickled weights stay on the hub."""
    data, *_ = online
    before = texts(data)
    hub.requests.clear()
    done = Gap(home, hub.endpoint)(*chosen(clips, data, FLAN_T5))
    assert done.returncode == 0, done.stdout + done.stderr
    assert hub.asked("/content/") == [f"/content/{FLAN_T5}/model.safetensors"]
    assert_complete(data, videos=4)
    after = texts(data)
    assert after["frame_captions"].equals(before["frame_captions"])
    assert not set(after["video_summaries"]["summary"]) & set(before["video_summaries"]["summary"])

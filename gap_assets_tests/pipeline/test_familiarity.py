import dataclasses
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from gap_assets.pipeline.familiarity import first_look, unfamiliar_videos
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put


@pytest.mark.parametrize(
    ("certain", "said"),
    [
        (["a", "b", "c"], None),
        (["a"], ("2 of 3 videos", "profile hub")),
        (["a", "c"], ("1 of 3 videos (b)", "--exclude")),
    ],
)
def test_uncertain_captions_are_warned_of(tmp_path, certain, said):
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    rows = [(video, -0.0001 if video in certain else -0.05) for video in ("a", "b", "c")]
    captions = pl.DataFrame(rows, schema=["video_id", "logprob"], orient="row")
    put(warehouse, {"frame_captions": captions}, where={})
    warning = unfamiliar_videos(warehouse, PROFILES["embedded"])
    assert (warning is None) == (said is None)
    assert all(part in warning for part in said or ())
    assert unfamiliar_videos(warehouse, PROFILES["hub"]) is None
    assert unfamiliar_videos(warehouse, PROFILES["embedded"], videos=["a"]) is None
    strict = dataclasses.replace(PROFILES["embedded"], familiar_logprob=0.0)
    assert "3 of 3" in unfamiliar_videos(warehouse, strict)


def test_the_embedded_models_know_their_own_world(made):
    warehouse = Warehouse(path=made.warehouse)
    assert unfamiliar_videos(warehouse, PROFILES["embedded"]) is None


def test_a_first_look_finds_nothing_strange_in_the_drawn_world(made):
    warehouse = Warehouse(path=made.warehouse)
    paths = warehouse.read("SELECT path FROM videos WHERE status = 'ok' ORDER BY path")["path"]
    videos = [Path(path) for path in paths]
    assert videos
    assert first_look(videos, PROFILES["embedded"]) is None
    assert first_look(videos, PROFILES["hub"]) is None


def test_a_first_look_sees_another_world_and_passes_over_what_is_broken(tmp_path):
    broken = tmp_path / "a.mp4"
    broken.write_bytes(b"no video")
    noise = tmp_path / "b.mp4"
    with av.open(noise, "w") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width = stream.height = 64
        pictures = np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3), np.uint8)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    said = first_look([broken, noise], PROFILES["embedded"])
    assert said.startswith("1 of 1 videos that were looked at")
    assert "--models hub" in said
    assert first_look([broken], PROFILES["embedded"]) is None


@pytest.mark.shared
def test_the_embedded_models_do_not_know_other_videos(shared, tmp_path):
    from gap_assets.coca.engine import DecodeSettings, describe_frames
    from gap_assets.coca.model import load_coca
    from gap_assets.video.frames import extract_frames
    from gap_assets.video.sampling import FixedCount

    profile = PROFILES["embedded"]
    coca = load_coca(model=profile.coca, weights=None)
    rows = []
    for name in ("birthday.mp4", "carphone.mp4", "horses_beach.mp4", "sam2_cups.mp4"):
        path = shared / "videos" / "real" / name
        frames = extract_frames(path, sampling=FixedCount(count=3), short_side=72).frames
        pictures = [frame.image for frame in frames]
        for batch in describe_frames(coca, pictures, decode=DecodeSettings(), batch_size=8):
            rows += [(name, caption.logprob) for caption in batch.captions]
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    captions = pl.DataFrame(rows, schema=["video_id", "logprob"], orient="row")
    put(warehouse, {"frame_captions": captions}, where={})
    assert "4 of 4 videos" in unfamiliar_videos(warehouse, profile)

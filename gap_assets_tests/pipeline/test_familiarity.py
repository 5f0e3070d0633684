import dataclasses

import polars as pl
import pytest

from gap_assets.pipeline.familiarity import unfamiliar_videos
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put


@pytest.mark.parametrize(("certain", "warned"), [(["a", "b", "c"], False), (["a"], True)])
def test_uncertain_captions_are_warned_of(tmp_path, certain, warned):
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    rows = [(video, -0.0001 if video in certain else -0.05) for video in ("a", "b", "c")]
    captions = pl.DataFrame(rows, schema=["video_id", "logprob"], orient="row")
    put(warehouse, {"frame_captions": captions}, where={})
    warning = unfamiliar_videos(warehouse, PROFILES["embedded"])
    assert (warning is not None) == warned
    if warning:
        assert "2 of 3 videos" in warning
        assert "profile hub" in warning
    assert unfamiliar_videos(warehouse, PROFILES["hub"]) is None
    assert unfamiliar_videos(warehouse, PROFILES["embedded"], videos=["a"]) is None
    strict = dataclasses.replace(PROFILES["embedded"], familiar_logprob=0.0)
    assert "3 of 3" in unfamiliar_videos(warehouse, strict)


def test_the_embedded_models_know_their_own_world(made):
    warehouse = Warehouse(path=made.warehouse)
    assert unfamiliar_videos(warehouse, PROFILES["embedded"]) is None


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

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, JpegImagePlugin

from gap_assets.pipeline.embeddings import FUSIONS, fuse_frames
from gap_assets.pipeline.untrained import _noise


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(-1, 1, width=32)
    )
)
def test_fusions_of_any_frames(frames):
    fused = {name: fuse(frames) for name, fuse in FUSIONS.items()}
    assert all(vector.shape == (4,) and vector.dtype == np.float32 for vector in fused.values())
    assert fused["medoid"].tolist() in frames.tolist()
    assert fused["middle"].tolist() == frames[len(frames) // 2].tolist()
    assert (fused["max"] >= fused["mean"] - 1e-6).all()


def test_the_medoid_is_the_frame_most_like_the_others():
    frames = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)
    assert FUSIONS["medoid"](frames).tolist() == pytest.approx([0.8, 0.6])


@given(st.integers(0, 2**32 - 1))
def test_of_two_frames_the_first_is_the_medoid(seed):
    frames = np.random.default_rng(seed).normal(size=(2, 16))
    frames = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)
    assert FUSIONS["medoid"](frames).tolist() == frames[0].tolist()


def test_noise_keeps_its_colours():
    noise = Image.open(io.BytesIO(_noise(1, 32)[0]))
    assert JpegImagePlugin.get_sampling(noise) == 0  # 4:4:4


def test_each_video_gets_its_own_frames():
    video_ids = pl.Series(["b", "b", "a"])
    rows = fuse_frames(video_ids, np.array([[1, 0], [0, 1], [0, 1]], np.float32))
    mean = {row["video_id"]: row for row in rows.filter(fusion="mean").to_dicts()}
    assert mean["b"]["embedding"] == [0.5, 0.5]
    assert mean["b"]["norm"] == pytest.approx(0.5**0.5)
    assert (mean["b"]["n_frames"], mean["a"]["n_frames"]) == (2, 1)
    assert len(rows) == 2 * len(FUSIONS)

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, JpegImagePlugin

from gap_assets.pipeline.embeddings import FUSIONS, fuse_frames
from gap_assets.pipeline.untrained import noise_pictures


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(-1, 1, width=32)
    )
)
def test_fusions_of_any_frames(frames):
    once = np.ones(len(frames), int)
    fused = {name: fuse(frames, once) for name, fuse in FUSIONS.items()}
    assert fused["mean"].tolist() == frames.mean(axis=0, dtype=np.float64).astype("f4").tolist()
    assert all(vector.shape == (4,) and vector.dtype == np.float32 for vector in fused.values())
    assert fused["medoid"].tolist() in frames.tolist()
    assert fused["middle"].tolist() == frames[len(frames) // 2].tolist()
    assert (fused["max"] >= fused["mean"] - 1e-6).all()


def test_the_medoid_is_the_frame_most_like_the_others():
    frames = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [-1, 0]], np.float32)
    assert FUSIONS["medoid"](frames, np.ones(len(frames), int)).tolist() == pytest.approx(
        [0.8, 0.6]
    )


@example(82841)  # Their mean cosines lie on both sides of where five decimals are rounded.
@given(st.integers(0, 2**32 - 1))
def test_of_two_frames_the_first_is_the_medoid(seed):
    frames = np.random.default_rng(seed).normal(size=(2, 16))
    frames = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)
    assert FUSIONS["medoid"](frames, np.ones(len(frames), int)).tolist() == frames[0].tolist()


def test_noise_keeps_its_colours():
    noise = Image.open(io.BytesIO(noise_pictures(1, 32)[0]))
    assert JpegImagePlugin.get_sampling(noise) == 0  # 4:4:4


@pytest.mark.parametrize("fusion", FUSIONS)
@given(st.integers(0, 2**32 - 1))
def test_a_repeated_frame_weighs_as_if_it_were_there_as_often(fusion, seed):
    random = np.random.default_rng(seed)
    frames = random.normal(size=(random.integers(1, 8), 16)).astype(np.float32)
    repeats = random.integers(1, 20, len(frames))
    spelled_out = np.repeat(frames, repeats, axis=0)
    expected = FUSIONS[fusion](spelled_out, np.ones(len(spelled_out), int))
    assert FUSIONS[fusion](frames, repeats) == pytest.approx(expected, abs=1e-6)


def test_each_video_gets_its_own_frames():
    frames = pl.DataFrame({"video_id": ["b", "b", "a"], "repeats": [1, 1, 5]})
    rows = fuse_frames(frames, np.array([[1, 0], [0, 1], [0, 1]], np.float32))
    mean = {row["video_id"]: row for row in rows.filter(fusion="mean").to_dicts()}
    assert mean["b"]["embedding"] == [0.5, 0.5]
    assert mean["b"]["norm"] == pytest.approx(0.5**0.5)
    assert (mean["b"]["n_frames"], mean["a"]["n_frames"]) == (2, 5)
    assert len(rows) == 2 * len(FUSIONS)

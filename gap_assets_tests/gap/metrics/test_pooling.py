"""What pooling adds to the gap, against frames and captions that are really there."""

import numpy as np
import pytest

from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.pooling import Pooled, pooling
from gap_assets.gap.pairs import unit_rows

N, FRAMES, D = 40, 6, 16


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    content = rng.normal(size=(N, 1, D))
    offset = np.zeros(D)
    offset[0] = 2.0
    frames = content + 0.7 * rng.normal(size=(N, FRAMES, D)) + offset
    captions = content + 0.9 * rng.normal(size=(N, FRAMES, D)) - offset
    return tuple(rows / np.linalg.norm(rows, axis=2, keepdims=True) for rows in (frames, captions))


def pooled(corpus, **changes):
    frames, captions = (rows.mean(axis=1) for rows in corpus)
    stages = {
        "frames": frames,
        "captions": captions,
        "video": unit_rows(frames),
        "caption": unit_rows(captions),
        "text": unit_rows(captions + 0.1),
        "counts": np.full(N, float(FRAMES)),
    }
    return Pooled(**(stages | changes))


def test_the_parts_add_up_to_the_squared_gap(corpus):
    given = pooled(corpus)
    weights = np.random.default_rng(1).multinomial(N, np.full(N, 1 / N), size=5).astype(float)
    found = pooling(given, weights=weights)
    parts = sum(value for name, value in found.items() if name.startswith("pooling"))
    whole = closed_form(given.video, given.text, weights=weights)["centroid_gap_debiased"]
    assert parts == pytest.approx(whole**2)


def test_the_encoders_part_is_that_of_single_frames_and_captions(corpus):
    found = pooling(pooled(corpus), weights=np.ones((1, N)))
    frames, captions = corpus
    differences = (frames - captions).reshape(N * FRAMES, D)
    video = np.repeat(np.arange(N), FRAMES)
    products = differences @ differences.T
    other = video[:, None] != video[None, :]
    assert found["pooling_encoder"][0] == pytest.approx(products[other].mean())
    assert found["pooling_video"][0] > 0  # a mean is short, and moves outwards


def test_icc_by_counting(corpus):
    found = pooling(pooled(corpus), weights=np.ones((1, N)))
    for name, rows in zip(("temporal_icc", "caption_icc"), corpus, strict=True):
        flat = rows.reshape(N * FRAMES, D)
        cosines = flat @ flat.T
        video = np.repeat(np.arange(N), FRAMES)
        same = (video[:, None] == video[None, :]) & ~np.eye(N * FRAMES, dtype=bool)
        within, between = cosines[same].mean(), cosines[video[:, None] != video[None, :]].mean()
        assert found[name][0] == pytest.approx((within - between) / (1 - between))


def test_one_frame_a_video_has_no_correlation(corpus):
    single = pooled(tuple(rows[:, :1] for rows in corpus), counts=np.ones(N))
    found = pooling(single, weights=np.ones((1, N)))
    assert np.isnan(found["temporal_icc"]).all()
    assert found["pooling_video"][0] == pytest.approx(0, abs=1e-12)

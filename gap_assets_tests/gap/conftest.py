"""Paired embeddings to measure: simulated ones, and the paper's own where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from gap_assets.gap import Pairs, check_pairs

FEATURES = Path(__file__).resolve().parents[3] / "shared" / "gap"


def simulated(n=60, d=24, *, gap=0.8, noise=0.5, seed=0):
    """Pairs around a shared content vector, moved apart by a constant and scaled to length 1."""
    rng = np.random.default_rng(seed)
    content = rng.normal(size=(n, d))
    offset = np.zeros(d)
    offset[0] = gap * np.sqrt(d)
    noise_x, noise_y = noise * rng.normal(size=(2, n, d))
    return check_pairs(content + offset / 2 + noise_x, content - offset / 2 + noise_y)


@pytest.fixture
def pairs() -> Pairs:
    return simulated()


@pytest.fixture(params=["clip", "clip_random"])
def paper_features(request):
    """(name, video, text): 500 COCO pairs by CLIP ViT-B/16, trained and untrained."""
    path = FEATURES / f"{request.param}.npy"
    if not path.exists():
        pytest.skip("the paper's features are not beside the checkout")
    return request.param, *np.load(path)

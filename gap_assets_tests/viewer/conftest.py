"""A served viewer, and pairs without a warehouse."""

import threading

import numpy as np
import pytest

from gap_assets.viewer.pairs_shown import PairsShown
from gap_assets.viewer.server import ViewerServer


def pairs(video: np.ndarray, text: np.ndarray) -> PairsShown:
    """Pairs of given vectors, without a place in any projection."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (video, text)]
    n = len(video)
    return PairsShown(
        video_ids=[f"v{i:03d}" for i in range(n)],
        video=unit[0].astype(np.float32),
        text=unit[1].astype(np.float32),
        coordinates={"umap": np.full((n, 4), np.nan)},
        summaries=[None] * n,
        human=[None] * n,
        encoder="none",
        fusion="mean",
        text_source="summary",
        gap=(None, None, None, None),
    )


@pytest.fixture(scope="module")
def server(made):
    with ViewerServer(made) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()

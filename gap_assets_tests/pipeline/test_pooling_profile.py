"""The gap by frames, captions and detail, from a warehouse with known rows."""

import numpy as np
import polars as pl
import pytest

from gap_assets.coca.model import load_coca
from gap_assets.coca.text import embed_texts
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.pairs import unit_rows
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline.pooling_profile import profile_pooling
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse

STATISTICS = GapStatistics(bootstraps=40)


@pytest.fixture(scope="module")
def coca():
    return load_coca(model=PROFILES["embedded"].coca, weights=None)


@pytest.fixture(scope="module")
def profiled(made, coca):
    return profile_pooling(coca, Warehouse(path=made.warehouse), statistics=STATISTICS)


def gap(rows, **key):
    key = {"study": "grid", "unit": False, "metric": "centroid_gap_debiased"} | key
    [value] = rows.filter(**key)["value"]
    return value


def test_every_row_once(profiled):
    assert profiled.columns == list(TABLES["pooling_profile"].columns)
    assert not profiled.select(TABLES["pooling_profile"].key).is_duplicated().any()
    levels = sorted(set(profiled.filter(study="grid")["frames"]))
    assert levels == [1, 2, 4, 8][: len(levels)]
    assert len(levels) >= 2
    assert profiled.filter(pl.col("ci_low") > pl.col("value")).is_empty()


def test_one_frame_and_one_caption_is_the_gap_of_frames_and_captions(profiled, made, coca):
    warehouse = Warehouse(path=made.warehouse)
    rows = warehouse.read_embeddings(
        "SELECT video_id, caption, embedding FROM frame_embeddings"
        " JOIN frame_captions USING (video_id, frame_index) ORDER BY video_id, frame_index"
    )
    most = max(profiled.filter(study="grid")["frames"])
    pairs = []
    for of_video in rows.partition_by("video_id", maintain_order=True):
        if len(of_video) >= most:
            chosen = [(2 * i + 1) * len(of_video) // (2 * most) for i in range(most)]
            pairs.append(of_video[chosen][most // 2])
    known = pl.concat(pairs)
    texts = embed_texts(coca, known["caption"].to_list()).embeddings
    video = unit_rows(known["embedding"].to_numpy())
    found = closed_form(video, unit_rows(texts), weights=np.ones((1, len(known))))
    assert gap(profiled, frames=1, texts=1) == pytest.approx(
        found["centroid_gap_debiased"][0], abs=1e-5
    )
    unit = gap(profiled, frames=1, texts=1, unit=True)
    assert unit == pytest.approx(gap(profiled, frames=1, texts=1))


def test_nothing_is_made_of_too_few_videos(tmp_path, coca):
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    rows = profile_pooling(coca, warehouse, statistics=STATISTICS)
    assert rows.is_empty()

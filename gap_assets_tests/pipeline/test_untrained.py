"""How much of a corpus the untrained networks see, by plan and by what they are really given."""

import gc
import itertools
import weakref

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.coca import engine
from gap_assets.coca.cost import encoding_flop
from gap_assets.coca.model import load_coca
from gap_assets.gap.pairs import middles
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline import untrained
from gap_assets.pipeline.untrained import (
    ALWAYS_ALLOWED_FLOP,
    FRAMES_PER_VIDEO,
    LEAST_NETWORKS,
    PICTURE_FLOP,
    Controls,
    count_frames,
    embed_controls,
    plan_controls,
)
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put

COCA = PROFILES["embedded"].coca
LARGE = encoding_flop("coca_ViT-L-14")

corpora = st.lists(st.integers(1, 400), min_size=1, max_size=700).map(
    lambda counts: {f"v{i:04d}": n for i, n in enumerate(counts)}
)


@given(corpora, st.sampled_from([encoding_flop(COCA), LARGE]), st.floats(0, 1), st.integers(1, 9))
def test_all_networks_together_stay_within_the_bound(frames, flop, share, seeds):
    statistics = GapStatistics(untrained_share=share, untrained_seeds=seeds)
    controls = plan_controls(frames, statistics, flop=flop)
    always = ALWAYS_ALLOWED_FLOP / (flop + PICTURE_FLOP)
    least = LEAST_NETWORKS * (3 + 4)  # 3 videos and 4 pictures of noise for each
    assert controls.pictures <= max(share * sum(frames.values()), always, least)
    assert min(seeds, LEAST_NETWORKS) <= controls.networks <= seeds
    assert min(len(frames), 3) <= len(controls.frames) <= statistics.untrained_videos
    assert all(1 <= n <= min(frames[v], FRAMES_PER_VIDEO) for v, n in controls.frames.items())
    assert controls.noise >= 4
    if len(controls.frames) < min(len(frames), statistics.untrained_videos):
        assert set(controls.frames.values()) == {1}  # Frames go before videos do.
    assert controls == plan_controls(dict(reversed(frames.items())), statistics, flop=flop)


@given(corpora, st.floats(0, 0.5))
def test_a_larger_share_sees_no_less(frames, share):
    less, more = (
        plan_controls(frames, GapStatistics(untrained_share=s), flop=LARGE) for s in (share, 1)
    )
    assert less.networks <= more.networks
    assert less.per_network <= more.per_network


def test_of_the_real_model_three_clips_are_seen_by_three_networks():
    controls = plan_controls({"a": 5, "b": 5, "c": 4}, GapStatistics(), flop=LARGE)
    assert (controls.networks, controls.pictures) == (3, 21)


def test_the_embedded_model_sees_all_of_a_small_corpus():
    frames = {f"v{i}": 4 + i % 13 for i in range(24)}
    controls = plan_controls(frames, GapStatistics(), flop=encoding_flop(COCA))
    assert controls == Controls(networks=5, noise=100, frames=frames)


@pytest.mark.parametrize("frames", [{}, {"a": 3}])
def test_no_networks_or_no_frames_are_nothing(frames):
    seeds = 0 if frames else 5
    controls = plan_controls(frames, GapStatistics(untrained_seeds=seeds), flop=LARGE)
    assert controls.pictures == 0


@given(st.integers(1, 50), st.integers(1, 50))
def test_things_are_spread_over_the_row(count, of):
    positions = middles(count, of)
    assert len(positions) == len(set(positions)) == min(count, of)
    assert sorted(positions) == positions
    ends = [-1, *positions, of]
    steps = [after - before for before, after in itertools.pairwise(ends)]
    assert max(steps) <= of / min(count, of) + 1


def test_networks_encode_what_was_planned_one_at_a_time(made_in_file, monkeypatch):
    warehouse = Warehouse(path=made_in_file.warehouse)
    stored = count_frames(warehouse)
    controls = Controls(networks=2, noise=5, frames={v: min(n, 3) for v, n in stored.items()})
    encoded, alive, said, done = [], [], [], []
    embed_frames = engine.embed_frames

    def counting(coca, jpegs, *, batch_size):
        encoded.append(len(jpegs))
        return embed_frames(coca, jpegs, batch_size=batch_size)

    def load(seed):
        gc.collect()
        assert [network() for network in alive] == [None] * seed
        coca = load_coca(model=COCA, weights=None, seed=seed)
        alive.append(weakref.ref(coca.module))
        return coca

    monkeypatch.setattr(engine, "embed_frames", counting)
    rows = embed_controls(
        load,
        warehouse,
        controls=controls,
        text_source="captions",
        batch_size=4,
        say=said.append,
        progress=lambda *numbers: done.append(numbers),
    )
    assert sum(encoded) == controls.pictures == 2 * (5 + 15)
    assert done == [(0, 2), (1, 2), (2, 2)]
    assert said[0].endswith("of 5 videos and of noise: 40 in all.")
    assert "of 40 pictures took" in said[1]
    assert said[-1].startswith("Untrained network 2 of 2 is done. 40 of 40 pictures took")
    counts = rows.group_by("modality", "source").len()
    assert dict(counts.filter(modality="text").select("source", "len").iter_rows()) == {
        "captions": 10
    }
    assert counts.filter(modality="noise")["len"].item() == 10
    assert set(counts.filter(modality="video")["len"]) == {10}


def test_the_frames_are_those_in_the_middle_of_their_shares(tmp_path):
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    rows = pl.DataFrame(
        [(v, 2 * i, float(i), 1, 1, f"{v}{i}".encode()) for v in "ab" for i in range(6)],
        schema=["video_id", "frame_index", "timestamp_s", "width", "height", "image"],
        orient="row",
    )
    put(warehouse, {"frames": rows}, where={})
    found = untrained.stored_frames(warehouse, {"a": 2, "b": 1})
    assert found["image"].to_list() == [b"a1", b"a4", b"b3"]


def test_a_still_is_seen_as_often_as_it_counts(tmp_path):
    warehouse = Warehouse(path=tmp_path / "gap.duckdb")
    rows = pl.DataFrame(
        [("a", i, f"{i}".encode(), n) for i, n in enumerate([1, 20, 1, 1, 1])],
        schema=["video_id", "frame_index", "image", "repeats"],
        orient="row",
    )
    put(warehouse, {"frames": rows}, where={})
    found = untrained.stored_frames(warehouse, {"a": 4})
    assert found.rows() == [("a", b"1", 3), ("a", b"2", 1)]
    assert untrained.stored_frames(warehouse, {"a": 5})["repeats"].to_list() == [1, 20, 1, 1, 1]

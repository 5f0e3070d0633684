"""The cone by depth: how much is planned, and that the rows are those of what is embedded."""

import gc
import weakref
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.coca.cost import encoding_flop
from gap_assets.coca.engine import embed_frames
from gap_assets.coca.model import load_coca
from gap_assets.coca.text import embed_texts
from gap_assets.gap.metrics.cone import cone_with_interval
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline.cones import (
    ALWAYS_ALLOWED_FLOP,
    SHARE,
    Sight,
    plan_profile,
    profile_cones,
)
from gap_assets.pipeline.embeddings import TEXTS
from gap_assets.pipeline.untrained import LEAST_NETWORKS, PICTURE_FLOP, noise_pictures
from gap_assets.profiles import PROFILES
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse

COCA = PROFILES["embedded"].coca
LARGE = encoding_flop("coca_ViT-L-14")
VIDEOS = tuple(f"world-000{i}" for i in range(5))
STATISTICS = GapStatistics(bootstraps=20, text_source="captions")

corpora = st.lists(st.integers(1, 400), max_size=700).map(
    lambda counts: {f"v{i:04d}": n for i, n in enumerate(counts)}
)


@given(corpora, st.sampled_from([encoding_flop(COCA), LARGE]), st.integers(0, 9))
def test_all_networks_together_stay_within_the_bound(frames, flop, seeds):
    plan = plan_profile(frames, GapStatistics(untrained_seeds=seeds), flop=flop)
    always = ALWAYS_ALLOWED_FLOP / (flop + PICTURE_FLOP)
    least = (1 + LEAST_NETWORKS) * (3 + 4)  # 3 videos and 4 pictures of noise for each
    assert plan.pictures <= max(SHARE * sum(frames.values()), always, least)
    assert plan.networks == 0 or min(seeds, LEAST_NETWORKS) <= plan.networks <= seeds
    assert bool(plan.networks) == bool(frames and seeds)
    for sight in (plan.trained, plan.untrained):
        assert min(len(frames), 3) <= len(sight.videos) <= min(len(frames), 200)
        assert sorted(set(sight.videos)) == list(sight.videos)
        assert set(sight.videos) <= set(frames)
        assert bool(sight.noise) == bool(frames)
    assert plan == plan_profile(
        dict(reversed(frames.items())), GapStatistics(untrained_seeds=seeds), flop=flop
    )


def test_the_large_model_sees_few_and_the_embedded_one_all():
    frames = {f"v{i:03d}": 30 for i in range(60)}
    plan = plan_profile(frames, GapStatistics(), flop=LARGE)
    assert (len(plan.trained.videos), plan.networks, plan.pictures <= 103) == (41, 3, True)
    assert len(plan.untrained.videos) == 13
    plan = plan_profile(frames, GapStatistics(), flop=encoding_flop(COCA))
    assert (len(plan.trained.videos), len(plan.untrained.videos), plan.networks) == (60, 60, 5)
    # A corpus that took hours to encode may take minutes more.
    frames = {f"v{i:05d}": 30 for i in range(2000)}
    assert len(plan_profile(frames, GapStatistics(), flop=LARGE).trained.videos) == 200


@pytest.fixture(scope="module")
def profiled(made_in_file):
    loaders = {
        "embedded": lambda: load_coca(model=COCA, weights=None),
        "untrained-0": lambda: load_coca(model=COCA, weights=None, seed=0),
    }
    sight = Sight(videos=VIDEOS, noise=6)
    return profile_cones(
        loaders,
        Warehouse(path=made_in_file.warehouse),
        sights=dict.fromkeys(loaders, sight),
        statistics=STATISTICS,
        batch_size=2,
    )


def test_each_token_has_a_row_before_all_blocks_and_after_each(profiled):
    keys = TABLES["cone_profile"].key
    assert profiled.select(keys).is_duplicated().sum() == 0
    assert profiled.columns == list(TABLES["cone_profile"].columns)
    counts = profiled.group_by("encoder", "tower", "token", "source").len()
    of_one = counts.filter(encoder="untrained-0").drop("encoder")
    assert sorted(of_one.rows()) == [
        ("image", "class", "frames", 4),
        ("image", "class", "noise", 4),
        ("image", "output", "frames", 1),
        ("image", "output", "noise", 1),
        ("image", "patches", "frames", 4),
        ("image", "patches", "noise", 4),
        ("text", "class", "captions", 3),
        ("text", "output", "captions", 1),
    ]
    assert profiled["cone"].is_between(-1, 1 + 1e-6).all()
    assert set(profiled.filter(source="noise")["n"]) == {6}
    assert set(profiled.filter(token="class", layer=0)["cone"].round(5)) == {1.0}


@pytest.mark.parametrize("seed", [None, 0])
def test_the_output_rows_are_the_cones_of_what_is_embedded(made_in_file, profiled, seed):
    """Of the frame in the middle of each video, of its middle caption, and of noise."""
    warehouse = Warehouse(path=made_in_file.warehouse)
    coca = load_coca(model=COCA, weights=None, seed=seed)
    images, texts = [], []
    for video in VIDEOS:
        rows = warehouse.read(
            "SELECT image FROM frames WHERE video_id = ? QUALIFY sum(coalesce(repeats, 1))"
            " OVER (ORDER BY frame_index) > sum(coalesce(repeats, 1)) OVER () // 2"
            " ORDER BY frame_index",
            video,
        )
        images.append(rows["image"][0])
        found = warehouse.read(f"SELECT * FROM ({TEXTS}) WHERE source = 'captions'", videos=[video])
        of_video = found.sort("position")
        shown = of_video["repeats"].cast(int).to_numpy().cumsum()
        texts.append(of_video["text"][int(np.searchsorted(shown, shown[-1] // 2, side="right"))])
    noise = noise_pictures(6, coca.image_size)
    expected = {
        "frames": embed_frames(coca, images, batch_size=8),
        "noise": embed_frames(coca, noise, batch_size=8),
        "captions": embed_texts(coca, texts).embeddings,
    }
    encoder = "embedded" if seed is None else "untrained-0"
    for source, embeddings in expected.items():
        row = profiled.filter(encoder=encoder, token="output", source=source)
        value, *_ = cone_with_interval(embeddings, bootstraps=0, seed=0)
        assert row["cone"].item() == pytest.approx(value, abs=1e-5)


def test_networks_are_held_one_at_a_time(made_in_file):
    alive, done = [], []

    def load(seed):
        gc.collect()
        assert [network() for network in alive] == [None] * seed
        coca = load_coca(model=COCA, weights=None, seed=seed)
        alive.append(weakref.ref(coca.module))
        return coca

    loaders = {f"untrained-{seed}": partial(load, seed) for seed in range(3)}
    profile_cones(
        loaders,
        Warehouse(path=made_in_file.warehouse),
        sights=dict.fromkeys(loaders, Sight(videos=VIDEOS[:3], noise=4)),
        statistics=STATISTICS,
        batch_size=8,
        progress=lambda *numbers: done.append(numbers),
    )
    assert done == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_too_few_videos_have_gives_no_rows(made_in_file):
    coca = load_coca(model=COCA, weights=None)
    warehouse = Warehouse(path=made_in_file.warehouse)
    for videos, statistics, sources in [
        ((), STATISTICS, {"noise"}),
        (VIDEOS[:2], STATISTICS, {"noise"}),
        (
            VIDEOS,
            GapStatistics(text_source="summary", bootstraps=9),
            {"frames", "noise", "summary"},
        ),
    ]:
        found = profile_cones(
            {"coca": lambda: coca},
            warehouse,
            sights={"coca": Sight(videos=videos, noise=4)},
            statistics=statistics,
            batch_size=8,
        )
        assert set(found["source"]) == sources

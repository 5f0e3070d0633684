import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.pipeline.captions import (
    KeptCaption,
    calibrate,
    calibration_captions,
    filter_captions,
)

WORDS = [f"a thing {i}" for i in range(12)]
sequences = st.lists(st.sampled_from(WORDS), max_size=30)
seeds = st.integers(0, 1000)


def space(seed, *, scenes=4):
    """Unit vectors for WORDS that lie near `scenes` directions, and reference captions."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(scenes, 16))
    vectors = centres[np.arange(len(WORDS)) % scenes] + 0.4 * random.normal(size=(len(WORDS), 16))
    references = random.normal(size=(60, 16))
    return tuple(v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, references))


def cluster(captions, vectors, references):
    embeddings = vectors[[WORDS.index(c) for c in captions]]
    return filter_captions(
        captions,
        method="cluster",
        embeddings=embeddings,
        calibration=calibrate(references, chance=0.01),
    )


@given(sequences, seeds, st.sampled_from(["cluster", "run_length", "none"]))
def test_kept_captions_are_inputs_in_the_order_of_time_and_stand_for_all(captions, seed, method):
    vectors, references = space(seed)
    kept = filter_captions(
        captions,
        method=method,
        embeddings=vectors[[WORDS.index(c) for c in captions]],
        calibration=calibrate(references, chance=0.01),
    )
    positions = [k.position for k in kept]
    assert positions == sorted(set(positions))
    assert all(0 <= p < len(captions) for p in positions)
    assert all(k.position in k.members == tuple(sorted(k.members)) for k in kept)
    assert sorted(m for k in kept for m in k.members) == list(range(len(captions)))
    again = [captions[p] for p in positions]
    twice = filter_captions(
        again,
        method=method,
        embeddings=vectors[[WORDS.index(c) for c in again]],
        calibration=calibrate(references, chance=0.01),
    )
    assert [k.position for k in twice] == list(range(len(again)))


@given(sequences, seeds, st.floats(0, 1e3))
def test_a_cone_changes_nothing(captions, seed, strength):
    """An offset common to all texts, a cone of any width, leaves the choice as it is."""
    vectors, references = space(seed)
    axis = np.random.default_rng(seed + 1).normal(size=vectors.shape[1])
    offset = strength * axis / np.linalg.norm(axis)
    assert cluster(captions, vectors, references) == cluster(
        captions, vectors + offset, references + offset
    )


@given(st.permutations(range(8)))
def test_scenes_are_told_apart_however_narrow_the_cone(order):
    """Eight scenes with five wordings each, in a cone where all raw cosines are above 0.97."""
    random = np.random.default_rng(0)
    cone = 6 * np.eye(32)[0]

    def unit(vectors):
        vectors = vectors + cone
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def directions(count):
        vectors = random.normal(size=(count, 32))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    scenes = np.repeat(directions(8), 5, axis=0) + 0.3 * directions(40)
    references = unit(directions(60))
    embeddings = unit(scenes)
    assert (embeddings @ embeddings.T).min() > 0.9
    shown = [5 * scene + wording for scene in order for wording in range(5)]
    kept = filter_captions(
        [f"caption {i}" for i in shown],
        method="cluster",
        embeddings=embeddings[shown],
        calibration=calibrate(references, chance=0.01),
    )
    assert [shown[k.position] // 5 for k in kept] == list(order)
    assert [len(k.members) for k in kept] == [5] * 8


def test_run_length_keeps_a_story_that_comes_back():
    captions = ["A ball left.", "a ball  left", "a ball right", "a ball left"]
    assert filter_captions(captions, method="run_length") == [
        KeptCaption(position=0, members=(0, 1)),
        KeptCaption(position=2, members=(2,)),
        KeptCaption(position=3, members=(3,)),
    ]


def test_equal_captions_are_one_cluster_at_their_first_appearance():
    vectors, references = space(1)
    kept = cluster(["a thing 1", "a thing 2", "a thing 1"], vectors, references)
    assert [(k.position, k.members) for k in kept] == [(0, (0, 2)), (1, (1,))]


def test_the_medoid_stands_for_its_cluster():
    angles = np.radians([0, 8, 30])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    references = np.concatenate([np.eye(2), -np.eye(2)])
    kept = filter_captions(
        ["first", "middle", "last"],
        method="cluster",
        embeddings=embeddings,
        calibration=calibrate(references, chance=0.01),
    )
    assert kept == [KeptCaption(position=1, members=(0, 1, 2))]


def test_clustering_without_what_it_needs_is_refused():
    vectors, references = space(0)
    calibration = calibrate(references, chance=0.01)
    for embeddings, given_calibration in [(None, calibration), (vectors[:1], None)]:
        with pytest.raises(ValueError, match="a calibration and one embedding per caption"):
            filter_captions(
                ["a"], method="cluster", embeddings=embeddings, calibration=given_calibration
            )
    with pytest.raises(ValueError, match="at least three"):
        calibrate(references[:2], chance=0.01)


def test_a_model_may_bring_its_own_reference_captions(tmp_path):
    general = calibration_captions("coca_ViT-L-14")
    assert calibration_captions(f"local-dir:{tmp_path}") == general
    assert len(general) == len(set(general)) > 50
    (tmp_path / "calibration_captions.txt").write_text("one\n\ntwo\nthree\n", encoding="utf-8")
    assert calibration_captions(f"local-dir:{tmp_path}") == ["one", "two", "three"]


@pytest.mark.parametrize(("repeats", "medoid"), [(None, 1), ([1, 1, 50], 2)])
def test_a_still_weighs_as_often_as_it_is_repeated(repeats, medoid):
    angles = np.radians([0, 8, 30])
    references = np.concatenate([np.eye(2), -np.eye(2)])
    [kept] = filter_captions(
        ["first", "middle", "last"],
        method="cluster",
        repeats=repeats,
        embeddings=np.stack([np.cos(angles), np.sin(angles)], axis=1),
        calibration=calibrate(references, chance=0.01),
    )
    assert (kept.position, kept.members) == (medoid, (0, 1, 2))

"""Ranks and neighbours against what a loop over all cosines says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.viewer.ranking import NEIGHBOURS, neighbours, rank_by
from gap_assets_tests.viewer.conftest import pairs


def drawn(seed: int, n: int, *, gap: float = 0.0):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(2, n, 8))
    rows[1, :, 0] += gap
    return pairs(*rows)


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_neighbours_are_the_nearest_of_the_others_and_ranks_count_who_is_closer(seed, n):
    shown = drawn(seed, n)
    sides = {"video": shown.video, "text": shown.text}
    for i, found in enumerate(neighbours(shown, range(n))):
        for name, own in sides.items():
            for modality, rows in sides.items():
                cosines = rows @ own[i]
                order = [j for j in np.argsort(-cosines, kind="stable") if j != i][:NEIGHBOURS]
                near = found[f"near_{name}"][f"{modality}s"]
                np.testing.assert_allclose([c for _, c in near], cosines[order], atol=1e-4)
                assert i not in [j for j, _ in near]
        across = shown.text @ shown.video[i]
        assert found["text_rank"] == 1 + (across > across[i] + 1e-6).sum()


def test_a_text_as_close_as_the_own_one_takes_half_a_rank():
    shown = drawn(0, 3)
    shown.text[1] = shown.text[0]
    assert neighbours(shown, [0])[0]["text_rank"] in (1.5, 2.5)


@given(st.integers(0, 10_000))
def test_a_gap_puts_texts_first_and_taking_it_out_mixes_them(seed):
    shown = drawn(seed, 40, gap=12.0)
    found = rank_by(shown.text[0], shown, with_texts=True)
    assert found["raw"].texts_first == 20
    assert found["raw"].items[0] == (0, "text", 1.0)
    assert found["centred"].texts_first < 20
    for name, other in (("raw", "centred"), ("centred", "raw")):
        hits = found[name]
        assert [c for *_, c in hits.items] == sorted((c for *_, c in hits.items), reverse=True)
        places = {item[:2]: k + 1 for k, item in enumerate(found[other].items)}
        for item, rank in zip(hits.items, hits.ranks, strict=True):
            assert places.get(item[:2], rank) == rank


def test_without_texts_only_videos_are_ranked():
    found = rank_by(drawn(1, 30).text[3], drawn(1, 30), with_texts=False)
    assert {modality for _, modality, _ in found["raw"].items} == {"video"}
    assert found["centred"].texts_first == 0

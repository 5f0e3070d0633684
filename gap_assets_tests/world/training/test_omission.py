"""Captions that leave things out say less, and nothing wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.world.language import caption
from gap_assets.world.scene import BACKGROUNDS, COLOURS
from gap_assets.world.stories import draw_film
from gap_assets.world.training.omission import leave_out
from gap_assets.world.training.vocabulary import world_words


def texts(index: int) -> list[str]:
    film = draw_film(5, index, split="train")
    ground = film.story.background
    return [film.story.summary, *(caption(beat, ground) for beat in film.beats)]


@given(index=st.integers(0, 3000), probability=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_what_is_left_is_part_of_the_text(index, probability):
    rng = np.random.default_rng(index)
    for text in texts(index):
        told = leave_out(text, probability=probability, rng=rng).split()
        words = iter(text.split())
        assert all(word in words for word in told), (text, told)  # In the same order.
        assert set(told) <= set(world_words())
        assert len(told) >= 2


@pytest.mark.parametrize("index", range(20))
def test_nothing_is_left_out_at_0_and_every_detail_at_1(index):
    rng = np.random.default_rng(0)
    for text in texts(index):
        assert leave_out(text, probability=0, rng=rng) == text
        told = leave_out(text, probability=1, rng=rng)
        assert not any(told.endswith(ground) for ground in BACKGROUNDS)
        assert " at the " not in told
        assert not told.startswith(tuple(f"a {colour} " for colour in COLOURS))


def test_half_of_the_grounds_are_left_out_at_a_half():
    rng = np.random.default_rng(0)
    told = [
        leave_out("a red box at the top left in snow", probability=0.5, rng=rng)
        for _ in range(1000)
    ]
    assert 420 < sum(text.endswith(" in snow") for text in told) < 580

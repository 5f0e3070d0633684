"""The world says only what can be seen at 1 or 2 frames per second."""

from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.language import caption, frame_caption, mirrored
from gap_assets.world.scene import FPS, UNITS, Film, poses_at, sampled_frames
from gap_assets.world.stories import draw_film, draw_story, split_of
from gap_assets.world.training.vocabulary import world_words

films = st.builds(
    draw_film,
    st.integers(0, 5),
    st.integers(0, 100_000),
    split=st.sampled_from(["train", "validation", "held-out"]),
)
quick = settings(max_examples=60, deadline=None)


def different_captions(film: Film, rate: int) -> list[str]:
    picked = sampled_frames(len(film.beats), rate=rate)
    return [text for text, _ in groupby(frame_caption(film, k) for k in picked)]


@quick
@given(films)
def test_both_rates_see_every_beat_and_nothing_else(film):
    told = [caption(beat, film.story.background) for beat in film.story.beats]
    assert different_captions(film, 1) == told == different_captions(film, 2)


def test_the_captions_decide_the_summary():
    summaries: dict[tuple[str, ...], str] = {}
    for index in range(4000):
        story = draw_story(np.random.default_rng([3, index]))
        told = tuple(caption(beat, story.background) for beat in story.beats)
        assert summaries.setdefault(told, story.summary) == story.summary
    assert len(set(summaries.values())) > 3000
    captions = {text for told in summaries for text in told}
    assert len(captions) > 3000
    words = {w for t in [*captions, *summaries.values()] for w in t.split()}
    assert words <= set(world_words())


def clear_frames(film: Film) -> list[int]:
    """Frames that lie inside the held part of a beat, away from every change of names."""
    return [i for i in range(film.frame_count) if 1 <= i % FPS <= 5]


@quick
@given(films)
def test_sampled_frames_are_far_from_every_border_between_names(film):
    assert set(sampled_frames(len(film.beats), rate=1)) <= set(clear_frames(film))
    assert set(sampled_frames(len(film.beats), rate=2)) <= set(clear_frames(film))
    for k in clear_frames(film):
        for figure, pose in zip(film.beats[k // FPS], poses_at(film, k), strict=True):
            if not figure.visible:  # wholly outside, whatever the camera does
                assert max(-pose.x, pose.x - UNITS) > 1.15 * pose.radius + 0.5
                continue
            if not figure.column.startswith("touching"):
                column = (pose.x > 22) + (pose.x > 42)
                assert figure.column == ("left", "middle", "right")[column]
                assert min(abs(pose.x - 22), abs(pose.x - 42)) > 3
            assert figure.row == ("top" if pose.y < 32 else "bottom")
            assert abs(pose.y - 32) > 6
            assert figure.big == (pose.radius > 10.5)
            assert abs(pose.radius - 10.5) > 1.2
            tilt = abs(pose.tilt) % 90
            assert figure.tilted == (tilt > 22.5)
            assert abs(tilt - 22.5) > 15


@quick
@given(films)
def test_figures_overlap_only_where_the_caption_says_touching(film):
    for k in clear_frames(film):
        if "touching" in frame_caption(film, k):
            continue
        for one, other in pairwise(poses_at(film, k)):
            apart = max(abs(one.x - other.x), abs(one.y - other.y))
            assert apart > one.radius + other.radius - 1


@quick
@given(films)
def test_a_mirrored_beat_names_the_figures_in_mirrored_order(film):
    for beat in film.story.beats:
        text, mirror = (caption(b, film.story.background) for b in (beat, mirrored(beat)))
        assert mirrored(mirrored(beat)) == beat
        assert sorted(mirror.split()) == sorted(
            {"left": "right", "right": "left"}.get(word, word) for word in text.split()
        )


def test_a_mirrored_picture_shows_the_mirrored_beat():
    film = next(
        film
        for film in (draw_film(0, k, split="train") for k in range(100))
        if film.story.summary.startswith("a red ball at the top left")
    )
    picture = draw_frame(film, 1)
    red = (picture[..., 0] > 180) & (picture[..., 1] < 80)
    assert red[:, : SIZE // 2].sum() > 100 > red[:, ::-1][:, : SIZE // 2].sum()


def test_a_film_is_the_same_for_the_same_seed_and_another_for_another():
    one, two = (draw_film(4, 17, split="train") for _ in range(2))
    assert one == two
    assert np.array_equal(draw_frame(one, 5), draw_frame(two, 5))
    assert one != draw_film(5, 17, split="train")
    assert one != draw_film(4, 18, split="train")


@pytest.mark.parametrize("split", ["train", "validation", "held-out"])
def test_films_belong_to_their_split(split):
    assert {split_of(draw_film(0, k, split=split).story.summary) for k in range(50)} == {split}


def test_pictures_are_rgb_of_the_size_of_the_videos():
    film = draw_film(0, 0, split="train")
    picture = draw_frame(film, 0)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8

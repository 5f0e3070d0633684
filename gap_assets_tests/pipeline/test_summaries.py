"""What the language model is given of a video's captions."""

from hypothesis import given
from hypothesis import strategies as st

from gap_assets.pipeline.captions import filter_captions
from gap_assets.pipeline.summaries import captions_to_read


def test_a_bounce_is_told_as_such_only_with_returns():
    captions, frames = ["left", "right"], [[0, 1, 4], [2, 3]]
    assert captions_to_read(captions, frames, returns=True) == ["left", "right", "left"]
    assert captions_to_read(captions, frames, returns=False) == ["left", "right"]


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_of_a_run_length_filter_returns_change_nothing(captions):
    kept = filter_captions(captions, method="run_length")
    texts, frames = [captions[k.position] for k in kept], [k.members for k in kept]
    assert captions_to_read(texts, frames, returns=True) == texts

"""The engine on trained weights: the embedded model on frames of its own world."""

import io

import pytest
from PIL import Image

from gap_assets.coca import engine
from gap_assets.coca.engine import DecodeSettings, describe_frames
from gap_assets.coca.model import load_coca
from gap_assets.profiles import PROFILES
from gap_assets.world.drawing import draw_frame
from gap_assets.world.language import frame_caption
from gap_assets.world.stories import draw_film
from gap_assets_tests.coca import reference


@pytest.fixture(scope="module")
def embedded():
    return load_coca(model=PROFILES["embedded"].coca, weights=None, device="cpu")


@pytest.fixture(scope="module")
def frames():
    """JPEGs from the middle of films, and the true captions."""
    pictures, captions = [], []
    for index in range(6):
        film = draw_film(7, index, split="held-out")
        middle = len(film.beats) // 2
        buffer = io.BytesIO()
        Image.fromarray(draw_frame(film, middle)).save(buffer, "JPEG", quality=90)
        pictures.append(buffer.getvalue())
        captions.append(frame_caption(film, middle))
    return pictures, captions


@pytest.mark.parametrize("mode", ["greedy", "compat", "beam"])
def test_captions_equal_the_uncached_loop(embedded, frames, mode):
    pictures, _ = frames
    decode = DecodeSettings(mode=mode, beams=2)
    (batch,) = describe_frames(embedded, pictures, decode=decode, batch_size=len(pictures))
    (prepared,) = engine._prepared(embedded, pictures, len(pictures))
    start, end = embedded.tokenizer.all_special_ids
    lengths = {"max_tokens": embedded.context_length, "min_tokens": 5}
    for caption, image in zip(
        batch.captions, engine._normalised(embedded, prepared.pixels), strict=True
    ):
        if mode == "greedy":
            found = reference.greedy(embedded.module, image, start=start, end=end, **lengths)
        else:
            found = reference.beam(
                embedded.module,
                image,
                start=start,
                end=end,
                beams=2,
                length_penalty=1.0,
                raw_logits=mode == "compat",
                **lengths,
            )
        assert caption.text == embedded.tokenizer.decode(found[0]).strip()
        assert caption.logprob == pytest.approx(found[1], abs=1e-4)


def test_most_words_of_a_caption_are_true(embedded, frames):
    pictures, truth = frames
    (batch,) = describe_frames(embedded, pictures, decode=DecodeSettings(), batch_size=8)
    words = [
        word in true.split()
        for caption, true in zip(batch.captions, truth, strict=True)
        for word in caption.text.split()
    ]
    assert sum(words) / len(words) > 0.6

import io
import logging

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from gap_assets.batches import BATCHES_AHEAD
from gap_assets.coca import engine
from gap_assets.coca.engine import DecodeSettings, describe_frames, embed_frames
from gap_assets_tests.coca import reference
from gap_assets_tests.coca.conftest import jpeg, picture

GREEDY = DecodeSettings(max_tokens=13, min_tokens=3)


def describe(coca, jpegs, *, decode=GREEDY, batch_size=4):
    batches = list(describe_frames(coca, jpegs, decode=decode, batch_size=batch_size))
    captions = [caption for batch in batches for caption in batch.captions]
    return captions, np.concatenate([batch.embeddings for batch in batches])


def model_inputs(coca, jpegs):
    """The pictures as the engine prepares them."""
    (batch,) = engine._prepared(coca, jpegs, len(jpegs))
    return engine._normalised(coca, batch.pixels)


def test_captions_and_embeddings_are_those_of_the_plain_model(coca):
    jpegs = [jpeg(seed) for seed in range(5)]
    captions, embeddings = describe(coca, jpegs)
    inputs = model_inputs(coca, jpegs)
    with torch.no_grad():
        expected = coca.module.encode_image(inputs).numpy()
    assert np.abs(embeddings - expected).max() < 1e-5
    assert embeddings.dtype == np.float32
    start, end = coca.tokenizer.all_special_ids
    for caption, image in zip(captions, inputs, strict=True):
        tokens, logprob = reference.greedy(
            coca.module, image, start=start, end=end, max_tokens=13, min_tokens=3
        )
        assert caption.text.replace(" ", "") == coca.tokenizer.decode(tokens).replace(" ", "")
        assert caption.logprob == pytest.approx(logprob, abs=1e-4)


@pytest.mark.parametrize("mode", ["greedy", "beam", "compat", "sample"])
def test_batch_composition_changes_nothing(coca, mode):
    jpegs = [jpeg(seed) for seed in range(7)]
    decode = DecodeSettings(mode=mode, max_tokens=13, min_tokens=3, temperature=2.0, seed=3)
    captions, embeddings = describe(coca, jpegs, decode=decode, batch_size=7)
    single, single_embeddings = describe(coca, jpegs[::-1], decode=decode, batch_size=3)
    assert [c.text for c in captions] == [c.text for c in single[::-1]]
    assert np.allclose([c.logprob for c in captions], [c.logprob for c in single[::-1]], atol=1e-4)
    assert np.abs(embeddings - single_embeddings[::-1]).max() < 1e-5
    assert np.abs(embed_frames(coca, jpegs, batch_size=2) - embeddings).max() < 1e-5


def test_sampling_follows_its_seed(coca):
    jpegs = [jpeg(seed) for seed in range(6)]

    def sample(seed):
        decode = DecodeSettings(mode="sample", max_tokens=13, min_tokens=3, seed=seed)
        return [caption.text for caption in describe(coca, jpegs, decode=decode)[0]]

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)
    decode = DecodeSettings(mode="sample", max_tokens=13, min_tokens=3, temperature=1e-4)
    cold = [caption.text for caption in describe(coca, jpegs, decode=decode)[0]]
    assert cold == [caption.text for caption in describe(coca, jpegs)[0]]


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (333, 123), (32, 32), (20, 25)])
def test_pictures_are_within_one_grey_level_of_open_clips_own(size):
    width, height = size
    transform = open_clip.image_transform(32, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))
    ours, theirs = [], []
    for seed in range(4):
        buffer = io.BytesIO()
        Image.fromarray(picture(seed, width=width, height=height)).save(buffer, "PNG")
        ours.append(engine._picture(buffer.getvalue(), 32)[0].float())
        theirs.append(transform(Image.open(buffer)) * 255)
    difference = (torch.stack(ours) - torch.stack(theirs)).abs()
    assert difference.max() < 1.001
    assert difference.mean() < 0.02


@pytest.mark.parametrize("size", [(16384, 2), (2, 4001)])
def test_a_strip_takes_no_more_memory_than_what_is_seen_of_it(size):
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).save(buffer, "JPEG", quality=95)
    pixels, _ = engine._picture(buffer.getvalue(), 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.untyped_storage().nbytes() <= 3 * 32 * 32 * engine.LONGEST_ASPECT
    x, y = (side // 2 for side in size)
    middle = Image.open(buffer).convert("RGB").crop((x - 1, y - 1, x + 1, y + 1))
    assert pixels.float().mean() == pytest.approx(np.asarray(middle).mean(), abs=25)


def test_a_grey_picture_is_read_as_rgb(coca):
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).convert("L").save(buffer, "JPEG")
    assert embed_frames(coca, [buffer.getvalue()], batch_size=1).shape == (1, coca.embed_dim)


def test_frames_are_read_a_few_batches_ahead_only(coca):
    read = 0

    def source():
        nonlocal read
        for seed in range(40):
            read += 1
            yield jpeg(seed)

    batches = describe_frames(coca, source(), decode=GREEDY, batch_size=2)
    next(batches)
    assert read <= 2 * (BATCHES_AHEAD + 2)
    batches.close()


def test_no_frames_give_no_batches(coca):
    assert list(describe_frames(coca, [], decode=GREEDY, batch_size=4)) == []
    assert embed_frames(coca, [], batch_size=4).shape == (0, coca.embed_dim)


def test_the_batch_is_halved_when_memory_runs_out(coca, caplog):
    """A GPU's lack of memory is the one thing that cannot be had here for real."""
    jpegs = [jpeg(seed) for seed in range(9)]
    whole, embeddings = describe(coca, jpegs)
    encode = coca.module.visual.forward

    def encode_two_at_most(images):
        if len(images) > 2:
            raise torch.OutOfMemoryError
        return encode(images)

    coca.module.visual.forward = encode_two_at_most
    try:
        with caplog.at_level(logging.WARNING):
            halved, halved_embeddings = describe(coca, jpegs, batch_size=8)
    finally:
        del coca.module.visual.forward
    assert [c.text for c in halved] == [c.text for c in whole]
    assert np.abs(halved_embeddings - embeddings).max() < 1e-5
    assert "batches of 2" in caplog.text

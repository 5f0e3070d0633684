import numpy as np
import pytest
import torch

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.engine import embed_frames
from gap_assets.coca.model import load_coca
from gap_assets.coca.settings import DecodeSettings
from gap_assets.coca.text import embed_texts, unit_vectors
from gap_assets_tests.coca import reference
from gap_assets_tests.coca.conftest import jpeg

SEEDS = range(4)


def images(seed: int, count: int = 6) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def decode(module, pictures, settings, **extra):
    vocabulary = module.text.vocab_size
    decoder = CaptionDecoder(module, start=vocabulary - 2, end=vocabulary - 1, settings=settings)
    with torch.no_grad():
        return decoder.decode(module._encode_image(pictures)[1], **extra)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("vocabulary", "pool"), [(20, True), (20, False), (200, True)])
def test_greedy_equals_the_uncached_loop(seed, vocabulary, pool):
    module, _ = reference.tiny_coca(seed, vocabulary=vocabulary, attentional_pool=pool)
    pictures = images(seed)
    settings = DecodeSettings(max_tokens=13, min_tokens=3)
    for caption, picture in zip(decode(module, pictures, settings), pictures, strict=True):
        tokens, logprob = reference.greedy(
            module, picture, start=vocabulary - 2, end=vocabulary - 1, max_tokens=13, min_tokens=3
        )
        assert caption.tokens == tokens
        assert caption.logprob == pytest.approx(logprob, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("vocabulary", [20, 200])
@pytest.mark.parametrize(
    ("mode", "beams", "penalty"),
    [("beam", 1, 1.0), ("beam", 2, 1.0), ("beam", 4, 0.5), ("compat", 2, 1.0), ("compat", 3, 2.0)],
)
def test_beam_search_equals_the_uncached_loop(seed, vocabulary, mode, beams, penalty):
    module, _ = reference.tiny_coca(seed, vocabulary=vocabulary)
    pictures = images(seed, 4)
    settings = DecodeSettings(
        mode=mode, beams=beams, length_penalty=penalty, max_tokens=13, min_tokens=3
    )
    for caption, picture in zip(decode(module, pictures, settings), pictures, strict=True):
        tokens, logprob = reference.beam(
            module,
            picture,
            start=vocabulary - 2,
            end=vocabulary - 1,
            beams=beams,
            max_tokens=13,
            min_tokens=3,
            length_penalty=penalty,
            raw_logits=mode == "compat",
        )
        assert caption.tokens == tokens
        assert caption.logprob == pytest.approx(logprob, abs=1e-4)


@pytest.mark.parametrize("mode", ["greedy", "beam", "compat", "sample"])
def test_a_step_can_be_recorded_because_it_asks_the_device_for_nothing(mode):
    """Meta tensors have shapes and no values: a step that reads one raises."""
    module = reference.tiny_coca(0)[0].to("meta")
    settings = DecodeSettings(mode=mode, max_tokens=13, min_tokens=3)
    decoder = CaptionDecoder(module, start=38, end=39, settings=settings)
    with torch.inference_mode():
        work = decoder._prepare(torch.empty(2, 5, 32, device="meta"))
        work.advance()
        with pytest.raises(RuntimeError, match="meta"):
            bool(work.state.done.all())


def test_captions_end_at_different_steps():
    """The comparisons above are worth what their captions exercise."""
    lengths = set()
    for seed in SEEDS:
        module, _ = reference.tiny_coca(seed, vocabulary=200)
        captions = decode(module, images(seed), DecodeSettings(max_tokens=13, min_tokens=3))
        lengths |= {len(caption.tokens) for caption in captions}
    assert len(lengths) >= 6
    assert {2, 12} <= lengths


def test_the_context_bounds_the_caption():
    module, _ = reference.tiny_coca(1, vocabulary=200)
    captions = decode(module, images(1), DecodeSettings(max_tokens=100))
    assert max(len(caption.tokens) for caption in captions) == module.text.context_length - 1


def test_a_text_tower_of_another_kind_is_refused():
    module, _ = reference.tiny_coca(0)
    module.text.cls_emb = None
    with pytest.raises(ValueError, match="text tower is not open_clip's causal transformer"):
        decode(module, images(0), DecodeSettings())


@pytest.mark.parametrize(
    "wrong", [{"beams": 0}, {"min_tokens": 30}, {"temperature": 0.0}], ids=lambda w: next(iter(w))
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"needs beams|must be above 0"):
        DecodeSettings(**wrong)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "count"), [("coca_ViT-B-32", 2), ("coca_ViT-L-14", 1)])
def test_large_models_give_the_tokens_and_embeddings_of_the_plain_model(name, count):
    coca = load_coca(model=name, weights=None, device="cpu", seed=1)
    side = coca.image_size
    pictures = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    start, end = coca.tokenizer.all_special_ids
    lengths = {"start": start, "end": end, "max_tokens": 9, "min_tokens": 3}
    with torch.inference_mode():
        latent, tokens = coca.module.visual(pictures)
        assert (
            np.abs(unit_vectors(latent) - coca.module.encode_image(pictures).numpy()).max() < 1e-5
        )
    for mode, beams in (("greedy", 1), ("compat", 2), ("beam", 3)):
        settings = DecodeSettings(mode=mode, beams=beams, max_tokens=9, min_tokens=3)
        decoder = CaptionDecoder(coca.module, start=start, end=end, settings=settings)
        for caption, picture in zip(decoder.decode(tokens), pictures, strict=True):
            if mode == "greedy":
                expected, logprob = reference.greedy(coca.module, picture, **lengths)
            else:
                expected, logprob = reference.beam(
                    coca.module,
                    picture,
                    beams=beams,
                    length_penalty=1.0,
                    raw_logits=mode == "compat",
                    **lengths,
                )
            assert caption.tokens == expected
            assert caption.logprob == pytest.approx(logprob, abs=1e-3)


@pytest.mark.slow
def test_half_precision_keeps_the_embeddings():
    """fp16 embeddings stay within a cosine of 0.9999 of fp32, on pictures and texts."""
    pictures = [jpeg(seed, width=300, height=240) for seed in range(3)]
    texts = ["a dog on a beach", "two people cook in a kitchen"]
    rows = []
    for precision in ("fp32", "fp16"):
        coca = load_coca(
            model="coca_ViT-B-32", weights=None, device="cpu", precision=precision, seed=0
        )
        frames = embed_frames(coca, pictures, batch_size=3)
        rows.append(np.concatenate([frames, embed_texts(coca, texts).embeddings]))
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.9999

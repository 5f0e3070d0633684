import pytest
import torch

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.settings import DecodeSettings
from gap_assets_tests.coca import reference

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
    settings = DecodeSettings(max_tokens=12, min_tokens=2)
    for caption, picture in zip(decode(module, pictures, settings), pictures, strict=True):
        tokens, logprob = reference.greedy(
            module, picture, start=vocabulary - 2, end=vocabulary - 1, max_tokens=12, min_tokens=2
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
        mode=mode, beams=beams, length_penalty=penalty, max_tokens=12, min_tokens=2
    )
    for caption, picture in zip(decode(module, pictures, settings), pictures, strict=True):
        tokens, logprob = reference.beam(
            module,
            picture,
            start=vocabulary - 2,
            end=vocabulary - 1,
            beams=beams,
            max_tokens=12,
            min_tokens=2,
            length_penalty=penalty,
            raw_logits=mode == "compat",
        )
        assert caption.tokens == tokens
        assert caption.logprob == pytest.approx(logprob, abs=1e-4)

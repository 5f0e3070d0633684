"""The mode `compat` against captions that open_clip 3.3's own `generate()` made."""

import json

import pytest
import torch

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.settings import DecodeSettings
from gap_assets_tests.coca.make_golden import GOLDEN, fingerprint, images
from gap_assets_tests.coca.reference import tiny_coca

CASES = json.loads(GOLDEN.read_text())["cases"]


def words(tokens: list[int], end: int) -> list[int]:
    """The tokens after the start token, up to the end token."""
    return tokens[1 : tokens.index(end)] if end in tokens else tokens[1:]


@pytest.mark.parametrize("case", CASES)
def test_compat_gives_open_clips_own_tokens(case):
    module, _ = tiny_coca(**case["model"])
    assert fingerprint(module) == pytest.approx(case["fingerprint"], rel=1e-9), "other weights"
    end = case["model"]["vocabulary"] - 1
    settings = DecodeSettings(mode="compat", beams=case["beams"] // case["groups"])
    decoder = CaptionDecoder(module, start=end - 1, end=end, settings=settings)
    with torch.no_grad():
        found = decoder.decode(module.visual(images(case["model"]["seed"]))[1])
    assert [caption.tokens for caption in found] == [words(t, end) for t in case["tokens"]]


def test_the_golden_captions_exercise_the_end_token():
    ends = [case["model"]["vocabulary"] - 1 in row for case in CASES for row in case["tokens"]]
    assert 0.1 < sum(ends) / len(ends) < 0.9

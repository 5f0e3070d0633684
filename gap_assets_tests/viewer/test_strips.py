"""Which frames are shown, and where they are in the strip."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gap_assets.viewer.strips import COLUMNS, compose, frames_shown

GREYS = range(0, 250, 20)


def plain(grey: int, width: int = 64, height: int = 48) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey)).save(buffer, "JPEG")
    return buffer.getvalue()


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 40))
def test_kept_captions_are_shown_first_and_frames_stay_in_order(kept, most):
    chosen = frames_shown(kept, most=most)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(most, len(kept))
    shown_kept = sum(kept[position] for position in chosen)
    assert shown_kept == min(sum(kept), most)


def test_each_picture_is_in_its_place():
    strip = compose([plain(grey) for grey in GREYS], height=24)
    assert (strip.width, strip.height) == (32, 24)
    pixels = np.asarray(Image.open(io.BytesIO(strip.jpeg)).convert("L"))
    assert pixels.shape == (2 * 24, COLUMNS * 32)
    for position, grey in enumerate(GREYS):
        y, x = position // COLUMNS * 24 + 12, position % COLUMNS * 32 + 16
        assert abs(int(pixels[y, x]) - grey) < 4


def test_a_picture_like_a_line_does_not_make_a_wide_strip():
    assert compose([plain(9, width=5000, height=10)], height=48).width == 16 * 48

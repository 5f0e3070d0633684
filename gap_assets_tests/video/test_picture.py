from io import BytesIO

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode, Resize

from gap_assets.video.picture import jpeg, rgb, shrink
from gap_assets_tests.video.clips import pictures


@pytest.mark.parametrize("size", [(481, 271), (270, 480), (640, 360), (300, 300)])
def test_shrinking_is_what_clip_style_preprocessing_does(size: tuple[int, int]) -> None:
    image = pictures(2, width=size[0], height=size[1])[1]
    expected = Resize(224, InterpolationMode.BICUBIC)(Image.fromarray(image))
    assert np.array_equal(np.asarray(shrink(image, 224)), np.asarray(expected))


@given(width=st.integers(1, 300), height=st.integers(1, 300), short_side=st.integers(1, 100))
def test_shrinking_keeps_aspect_and_never_enlarges(
    width: int, height: int, short_side: int
) -> None:
    picture = shrink(np.zeros((height, width, 3), np.uint8), short_side)
    scale = min(1, short_side / min(width, height))
    assert min(picture.size) == min(width, height, short_side)
    assert abs(picture.width - width * scale) < 1
    assert abs(picture.height - height * scale) < 1


def test_a_jpeg_keeps_more_colour_than_pillows_default() -> None:
    picture = shrink(pictures(1, width=640, height=360)[0], 112)
    default = BytesIO()
    picture.save(default, "JPEG", quality=90)
    errors = [
        np.square(np.asarray(Image.open(BytesIO(data)), float) - np.asarray(picture, float)).mean()
        for data in (jpeg(picture, 90), default.getvalue())
    ]
    assert errors[0] < errors[1] / 2


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (481, 271)])
@pytest.mark.parametrize("pixels", ["yuv444p", "gray", "yuv420p10le", "rgb24"])
def test_odd_sizes_and_pixel_formats_convert(size: tuple[int, int], pixels: str) -> None:
    source = VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 128, np.uint8), format="rgb24")
    image = rgb(source.reformat(format=pixels), VideoReformatter())
    assert image.shape == (size[1], size[0], 3)
    assert np.abs(image.astype(int) - 128).max() <= 3


def test_colour_range_is_followed() -> None:
    frame = VideoFrame.from_ndarray(np.full((16, 16), 235, np.uint8), format="gray")
    limited, full = frame.reformat(format="yuv420p"), frame.reformat(format="yuvj420p")
    limited.color_range, full.color_range = 1, 2
    reformatter = VideoReformatter()
    for source in (limited, full):
        luma = int(np.frombuffer(source.planes[0], np.uint8)[0])
        white = rgb(source, reformatter)[0, 0, 0]
        expected = (luma - 16) * 255 / 219 if source is limited else luma
        assert abs(int(white) - expected) <= 2

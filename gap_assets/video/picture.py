"""From a decoded frame to pixels and to a stored JPEG.

Belongs here: colour conversion, rotation, resizing, JPEG. Does not belong here: which frames.
"""

from io import BytesIO

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image


def rgb(frame: VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """Converts a frame to RGB by its own colour tags and turns it upright.

    Args:
        frame: Any pixel format that libswscale reads.
        reformatter: Kept for a whole video: `VideoFrame.reformat` would keep a conversion context
            alive for every frame.

    Returns:
        (H, W, 3) uint8, C-contiguous.
    """
    pixels = reformatter.reformat(frame, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90), dtype=np.uint8)


def shrink(image: NDArray[np.uint8], short_side: int) -> Image.Image:
    """Resizes to a short side of at most `short_side`, aspect kept, never enlarging.

    Antialiased bicubic with torchvision's rounding: the pixels that CLIP-style preprocessing makes
    of the full picture, so that a model whose input size is `short_side` sees no second resize.

    Args:
        image: (H, W, 3) uint8 RGB.
        short_side: In pixels.
    """
    picture = Image.fromarray(image)
    shortest = min(picture.size)
    if shortest <= short_side:
        return picture
    width, height = (short_side * side // shortest for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """Encodes with full-resolution colour (4:4:4).

    A picture that was shrunk has colour detail at every pixel, though the video's own colour was
    stored at half the resolution; 4:2:0 would halve it again.
    """
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue()

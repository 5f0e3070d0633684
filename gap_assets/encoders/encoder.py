"""What an encoder is: the two protocols that adapters fulfil, and the arrays that they exchange.

Nothing is loaded or computed here.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pictures = Sequence[NDArray[np.uint8]]
"""RGB pictures, each (H, W, 3) and upright, of any sizes."""

Vectors = NDArray[np.float32]
"""(N, D), rows of unit length."""


class FrameEncoder(Protocol):
    """An image-text model: a picture at a time; what a video is, is made of its frames.

    Attributes:
        name: The canonical name; see `gap_assets.encoders.names`.
        dimensions: D of the shared space.
    """

    name: str
    dimensions: int

    def embed_images(self, pictures: Pictures) -> Vectors:
        """Embeds pictures as the model's own preprocessing shows them to it.

        Returns:
            (N, D) float32 unit rows; a row does not depend on its neighbours.

        Raises:
            FloatingPointError: The model left the range of fp16.
        """

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts; what is longer than the model's context is cut.

        Returns:
            (N, D) float32 unit rows; a row does not depend on its neighbours.

        Raises:
            FloatingPointError: The model left the range of fp16.
        """


class VideoEncoder(Protocol):
    """A video-text model, which reads several frames of a video at once.

    Attributes:
        name: The canonical name; see `gap_assets.encoders.names`.
        dimensions: D of the shared space.
        frames: Pictures of a video that it reads; see `gap_assets.encoders.frames`.
    """

    name: str
    dimensions: int
    frames: int

    def embed_videos(self, videos: Sequence[Pictures]) -> Vectors:
        """Embeds videos, each of exactly `frames` pictures in their order.

        Returns:
            (N, D) float32 unit rows, one a video; a row does not depend on its neighbours.

        Raises:
            ValueError: A video has another number of pictures, or pictures of two sizes.
            FloatingPointError: The model left the range of fp16.
        """

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts; what is longer than the model's context is cut.

        Returns:
            (N, D) float32 unit rows; a row does not depend on its neighbours.

        Raises:
            FloatingPointError: The model left the range of fp16.
        """


Encoder = FrameEncoder | VideoEncoder

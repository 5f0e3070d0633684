"""Frames in, captions and embeddings out: one pass of the image encoder for both.

Worker threads turn JPEGs into uint8 pictures for the next batches while the model runs on this
one. Normalisation happens on the device, so a quarter of the bytes travel.
"""

import io
import math
import re
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch  # noqa: TID253
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor  # noqa: TID253
from torchvision.transforms import InterpolationMode  # noqa: TID253
from torchvision.transforms.v2.functional import center_crop, resize  # noqa: TID253

from gap_assets.batches import prepared_batches
from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.model import Coca
from gap_assets.coca.search import DecodedCaption
from gap_assets.coca.settings import DecodeSettings
from gap_assets.coca.text import unit_vectors
from gap_assets.gpu import BatchSize

__all__ = ["Caption", "DecodeSettings", "FrameBatch", "describe_frames", "embed_frames"]

LONGEST_ASPECT = 8  # of a picture; what is beyond is cropped away in any case

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A caption and its mean log-probability per token (end token included), in nats."""

    text: str
    logprob: float


@dataclass(frozen=True, kw_only=True)
class FrameBatch:
    """Captions of n frames and their embeddings, (n, D) float32 with rows of unit length."""

    captions: list[Caption]
    embeddings: NDArray[np.float32]


def describe_frames(
    coca: Coca, jpegs: Iterable[bytes], *, decode: DecodeSettings, batch_size: int
) -> Iterator[FrameBatch]:
    """Caption and embed frames with one pass of the image encoder.

    A frame's caption does not depend on the frames beside it, in the mode `sample` neither: its
    random numbers come from the seed and the picture's bytes.

    Args:
        coca: From `load_coca`.
        jpegs: Encoded pictures; read lazily, a few batches ahead.
        decode: How captions are decoded.
        batch_size: Frames per pass; halved for good when a GPU runs out of memory.

    Yields:
        Batches that together hold the frames in their order.

    Raises:
        PIL.UnidentifiedImageError: Bytes that are no picture.
        FloatingPointError: The model left the range of fp16.
    """
    tokenizer = coca.tokenizer

    def describe(batch: "_Pictures") -> FrameBatch:
        if decode not in coca.decoders:
            coca.decoders[decode] = CaptionDecoder(
                coca.module,
                start=tokenizer.sot_token_id,
                end=tokenizer.eot_token_id,
                settings=decode,
            )
        latent, image_tokens = coca.module.visual(_normalised(coca, batch.pixels))
        seeds = [decode.seed ^ checksum for checksum in batch.checksums]
        found = coca.decoders[decode].decode(image_tokens, seeds=seeds)
        if not all(math.isfinite(caption.logprob) for caption in found):
            raise FloatingPointError(
                "The model left the range of fp16: some captions have no probability; use"
                " precision 'fp32'."
            )
        captions = [Caption(text=_text(tokenizer, c), logprob=c.logprob) for c in found]
        return FrameBatch(captions=captions, embeddings=unit_vectors(latent))

    yield from _in_batches(coca, jpegs, batch_size, describe, kind=decode)


def embed_frames(coca: Coca, jpegs: Iterable[bytes], *, batch_size: int) -> NDArray[np.float32]:
    """Embed frames without captioning them.

    Args:
        coca: From `load_coca`.
        jpegs: n encoded pictures.
        batch_size: Frames per pass; halved for good when a GPU runs out of memory.

    Returns:
        (n, D) with rows of unit length, equal to the embeddings of `describe_frames`.

    Raises:
        PIL.UnidentifiedImageError: Bytes that are no picture.
        FloatingPointError: The model left the range of fp16.
    """

    def embed(batch: "_Pictures") -> NDArray[np.float32]:
        latent, _ = coca.module.visual(_normalised(coca, batch.pixels))
        return unit_vectors(latent)

    none = np.empty((0, coca.embed_dim), dtype=np.float32)
    return np.concatenate([none, *_in_batches(coca, jpegs, batch_size, embed, kind="frames")])


@dataclass(frozen=True, kw_only=True)
class _Pictures:
    """Pixels (n, 3, S, S) uint8 at the model's input size, and a checksum of each JPEG."""

    pixels: Tensor
    checksums: list[int]

    def __len__(self) -> int:
        return len(self.checksums)

    def __getitem__(self, part: slice) -> "_Pictures":
        return _Pictures(pixels=self.pixels[part], checksums=self.checksums[part])


def _in_batches(
    coca: Coca,
    jpegs: Iterable[bytes],
    batch_size: int,
    run: Callable[[_Pictures], Result],
    *,
    kind: Hashable,
) -> Iterator[Result]:
    size = BatchSize(batch_size, fits=coca.fits, kind=kind, free=coca.decoders.clear)
    for batch in _prepared(coca, jpegs, batch_size):
        yield from size.parts(batch, run)


def _prepared(coca: Coca, jpegs: Iterable[bytes], batch_size: int) -> Iterator[_Pictures]:
    """Decode and resize in worker threads, a few batches ahead."""
    picture = partial(_picture, size=coca.image_size)
    for batch in prepared_batches(jpegs, picture, batch_size=batch_size):
        yield _collated(coca, batch)


def _picture(jpeg: bytes, size: int) -> tuple[Tensor, int]:
    """Decode, resize the short side to `size` and crop the centre: (3, size, size) uint8.

    On uint8 with antialiasing torchvision agrees with PIL, open_clip's own path, to one grey
    level, at a quarter of the cost. The channels stay interleaved as decoded: making them
    contiguous first costs more than the resize.
    """
    with Image.open(io.BytesIO(jpeg)) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    # Of a strip of 16384 x 2 pixels the resize would make a gigabyte before the crop.
    longest = LONGEST_ASPECT * min(pixels.shape[1:])
    pixels = center_crop(pixels, [min(side, longest) for side in pixels.shape[1:]])
    resized = resize(pixels, [size], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return center_crop(resized, [size, size]), zlib.crc32(jpeg)


def _collated(coca: Coca, pictures: list[tuple[Tensor, int]]) -> _Pictures:
    pixels, checksums = zip(*pictures, strict=True)
    stacked = torch.empty(
        len(pixels), *pixels[0].shape, dtype=torch.uint8, pin_memory=coca.device.type == "cuda"
    )
    torch.stack(pixels, out=stacked)
    return _Pictures(pixels=stacked, checksums=list(checksums))


def _normalised(coca: Coca, pixels: Tensor) -> Tensor:
    images = pixels.to(coca.device, non_blocking=True).float().div_(255)
    mean, std = (images.new_tensor(v).view(3, 1, 1) for v in (coca.mean, coca.std))
    return images.sub_(mean).div_(std).to(coca.dtype)


def _text(tokenizer: Any, caption: DecodedCaption) -> str:
    words = " ".join(tokenizer.decode(caption.tokens).split())
    return re.sub(r" (?=[.,!?;:])", "", words)

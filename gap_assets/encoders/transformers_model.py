"""The video-text models of transformers: X-CLIP and VideoPrism.

Belongs here: loading one, its own processor and tokenizer, and its embeddings. Its files are found
by `transformers_files`; which frames of a video it is shown is decided by the caller.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from transformers.utils import logging  # noqa: TID253

from gap_assets.batches import prepared_batches
from gap_assets.checkpoints import read_weights
from gap_assets.coca.text import unit_vectors
from gap_assets.encoders.encoder import Pictures, Vectors
from gap_assets.encoders.tokenizers import CONFIG
from gap_assets.encoders.transformers_files import fetch_model, weights_in
from gap_assets.gpu import BatchSize, Fits, Precision, embedding_dtype, place_encoder
from gap_assets.hub import ModelNotFoundError

# Files that are there are read, and no code of theirs is run.
NO_CODE = {"local_files_only": True, "trust_remote_code": False}


@dataclass(kw_only=True)
class TransformersEncoder:
    """A `VideoEncoder` of transformers'.

    Attributes:
        name: The canonical name.
        dimensions: D of the shared space.
        frames: Pictures of a video that it reads.
        module: transformers' model in evaluation mode, all of it on `device` in `dtype`.
        pixels: Its processor: `frames` pictures to (frames, 3, S, S) float32.
        tokens: Its tokenizer: texts to what its `get_text_features` takes.
        device: Where it runs.
        dtype: float32, or float16 on a GPU.
        batch_size: Videos or texts a pass; halved for good when a GPU runs out of memory.
        fits: What is known of how much a GPU's memory suffices for.
    """

    name: str
    dimensions: int
    frames: int
    module: Any
    pixels: Callable[[Pictures], Tensor]
    tokens: Callable[[list[str]], Mapping[str, Tensor]]
    device: torch.device
    dtype: torch.dtype
    batch_size: int
    fits: Fits = field(default_factory=dict)

    def embed_videos(self, videos: Sequence[Pictures]) -> Vectors:
        """See `VideoEncoder`."""
        for video in videos:
            if len(video) != self.frames or len({picture.shape for picture in video}) > 1:
                raise ValueError(f"{self.name} reads {self.frames} pictures of one size a video.")
        parts = [np.empty((0, self.dimensions), dtype=np.float32)]
        size = BatchSize(self.batch_size, fits=self.fits, kind="videos")
        for batch in prepared_batches(videos, self.pixels, batch_size=self.batch_size):
            parts += size.parts(torch.stack(batch), self._encode_videos)
        return np.concatenate(parts)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """See `VideoEncoder`."""
        none = np.empty((0, self.dimensions), dtype=np.float32)
        size = BatchSize(self.batch_size, fits=self.fits, kind="texts")
        return np.concatenate([none, *size.parts(list(texts), self._encode_texts)])

    def _encode_videos(self, pixels: Tensor) -> Vectors:
        pixels = pixels.to(device=self.device, dtype=self.dtype)
        found = self.module.get_video_features(pixels).pooler_output
        return unit_vectors(found.reshape(len(pixels), -1))  # VideoPrism's has a middle axis of 1.

    def _encode_texts(self, texts: list[str]) -> Vectors:
        tokens = {name: ids.to(self.device) for name, ids in self.tokens(texts).items()}
        return unit_vectors(self.module.get_text_features(**tokens).pooler_output)


def load_transformers(
    name: str, rest: str, *, device: torch.device, precision: Precision, batch_size: int
) -> TransformersEncoder:
    """Loads a model, its processor and its tokenizer.

    X-CLIP's texts are embedded as `get_text_features` does, before its `forward` adds to each text
    what it sees in the video beside it: a text of which the vector depends on the video is no point
    of a space.

    Args:
        name: The encoder's canonical name, which the rows are kept under.
        rest: `ORG/NAME`, `ORG/NAME@REVISION`, or a folder.
        device: Where it shall run.
        precision: See `gap_assets.gpu.embedding_dtype`.
        batch_size: Videos or texts a pass.

    Raises:
        ModelNotFoundError: There is no such model, it cannot be fetched, it is damaged, or it is
            neither an X-CLIP nor a VideoPrism with texts.
        ChecksumError: The folder is not what its SHA256SUMS says.
        DiskFullError: There is no space for it.
    """
    folder = fetch_model(rest)
    load = LOADERS[model_type(folder)]
    read_weights(weights_in(folder))  # Says of a damaged file that it is one.
    with _damaged(rest), torch.random.fork_rng(devices=[]):
        module, pixels, tokens = load(folder)
        config = module.config
    dtype = embedding_dtype(device.type, precision)
    return TransformersEncoder(
        name=name,
        dimensions=getattr(config, "projection_dim", config.text_config.hidden_size),
        frames=config.vision_config.num_frames,
        module=place_encoder(module, device=device, dtype=dtype),
        pixels=pixels,
        tokens=tokens,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
    )


def model_type(folder: Path) -> str:
    """The kind of the model in a folder, by its configuration.

    Raises:
        ModelNotFoundError: It is none that this package knows.
    """
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelNotFoundError(
            f"{folder / CONFIG} is damaged or does not tell the model's type; restore it."
        ) from error
    if found not in LOADERS:
        raise ModelNotFoundError(
            f"{folder} holds a model of the type {found!r}; as video encoders, transformers' types"
            f" {' and '.join(LOADERS)} are known."
        )
    return str(found)


Loaded = tuple[Any, Callable[[Pictures], Tensor], Callable[[list[str]], Mapping[str, Tensor]]]


def _xclip(folder: Path) -> Loaded:
    from transformers import AutoImageProcessor, AutoTokenizer, XCLIPModel

    module = _weights_into(XCLIPModel, folder)
    processor = AutoImageProcessor.from_pretrained(folder, **NO_CODE)
    # The larger models' repositories leave the crop at the default of 224.
    side = module.config.vision_config.image_size
    pixels = partial(_xclip_pixels, processor, {"height": side, "width": side})
    tokenizer = AutoTokenizer.from_pretrained(folder, **NO_CODE)
    context = module.config.text_config.max_position_embeddings
    return module, pixels, partial(_tokens, tokenizer, context)


def _videoprism(folder: Path) -> Loaded:
    from transformers import AutoTokenizer, AutoVideoProcessor, VideoPrismClipModel

    module = _weights_into(VideoPrismClipModel, folder)
    processor = AutoVideoProcessor.from_pretrained(folder, **NO_CODE)
    tokenizer = AutoTokenizer.from_pretrained(folder, **NO_CODE)
    context = module.config.text_config.max_position_embeddings
    return module, partial(_videoprism_pixels, processor), partial(_tokens, tokenizer, context)


LOADERS = {"xclip": _xclip, "videoprism": _videoprism}


def _xclip_pixels(processor: Any, crop: dict[str, int], video: Pictures) -> Tensor:
    found: Tensor = processor([*video], crop_size=crop, return_tensors="pt")["pixel_values"][0]
    return found


def _videoprism_pixels(processor: Any, video: Pictures) -> Tensor:
    given = processor(videos=[np.stack(video)], do_sample_frames=False, return_tensors="pt")
    found: Tensor = given["pixel_values_videos"][0]
    return found


def _tokens(tokenizer: Any, context: int, texts: list[str]) -> Mapping[str, Tensor]:
    """Cut or padded to the context; a special token that is spelled out in a text is words."""
    found: Mapping[str, Tensor] = tokenizer(
        texts,
        padding="max_length",
        truncation=True,
        max_length=context,
        split_special_tokens=True,
        return_tensors="pt",
    )
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def _weights_into(kind: Any, folder: Path) -> Any:
    """The model with all of its weights, in fp32 on the CPU; no code in a `.bin` is run."""
    logging.disable_progress_bar()  # Loading takes a moment; the asset has a bar of its own.
    logging.set_verbosity_error()  # Its report on weights is turned into a sentence below.
    module, found = kind.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=weights_in(folder).suffix == ".safetensors",
        weights_only=True,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # They are named below.
        output_loading_info=True,
    )
    lacking = sorted({*found["missing_keys"], *(key[0] for key in found["mismatched_keys"])})
    if lacking:  # transformers would leave these at random.
        raise ModelNotFoundError(
            f"{weights_in(folder)} does not hold the weights of a {kind.__name__} ({lacking[0]}"
            " differs); choose another model."
        )
    return module


@contextmanager
def _damaged(place: str) -> Iterator[None]:
    """Names a model whose files are there and cannot be loaded."""
    try:
        yield
    except ModelNotFoundError:
        raise
    except Exception as error:  # transformers raises of every kind
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ModelNotFoundError(
            f"{place} holds no model that can be loaded without code of its own ({reason}); restore"
            " it, or choose another."
        ) from error

"""Every image-text model of open_clip: CLIP, SigLIP, PE-Core, CoCa and their kin.

Belongs here: loading one by its name or from a folder, its own preprocessing and tokenizer, and its
embeddings. Captions are `coca`'s.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import open_clip  # noqa: TID253
import torch  # noqa: TID253
from numpy.typing import NDArray
from open_clip.coca_model import CoCa  # noqa: TID253
from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: TID253
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor  # noqa: TID253

from gap_assets.batches import prepared_batches
from gap_assets.checkpoints import (
    WeightsFile,
    build_model,
    check_folder,
    fetch_checkpoint,
    folder_weights,
    locate_checkpoint,
    read_weights,
)
from gap_assets.coca.text import unit_vectors, word_ids
from gap_assets.encoders.encoder import Pictures, Vectors
from gap_assets.encoders.tokenizers import fetch_text_tower, fetch_tokenizer
from gap_assets.gpu import BatchSize, Fits, Precision, embedding_dtype, place_encoder
from gap_assets.hub import ModelNotFoundError
from gap_assets.profiles import LOCAL

log = logging.getLogger(__name__)

LONGEST_ASPECT = 8  # of a picture whose short side becomes the model's; the rest is cropped anyway


@dataclass(kw_only=True)
class OpenClipEncoder:
    """A `FrameEncoder` of open_clip's.

    Attributes:
        name: The canonical name.
        dimensions: D of the shared space.
        module: open_clip's model in evaluation mode, all of it on `device` in `dtype`.
        tokenizer: open_clip's tokenizer of that model.
        transform: open_clip's preprocessing of that model: PIL picture to (3, S, S) float32.
        crop: Whether that crops to a square, so that a long picture may be cut before.
        device: Where it runs.
        dtype: float32, or float16 on a GPU.
        batch_size: Pictures or texts a pass; halved for good when a GPU runs out of memory.
        fits: What is known of how much a GPU's memory suffices for.
    """

    name: str
    dimensions: int
    module: Any
    tokenizer: Any
    transform: Callable[[Image.Image], Tensor]
    crop: bool
    device: torch.device
    dtype: torch.dtype
    batch_size: int
    fits: Fits = field(default_factory=dict)

    def embed_images(self, pictures: Pictures) -> Vectors:
        """See `FrameEncoder`."""
        parts = [np.empty((0, self.dimensions), dtype=np.float32)]
        size = BatchSize(self.batch_size, fits=self.fits, kind="images")
        for batch in prepared_batches(pictures, self._pixels, batch_size=self.batch_size):
            parts += size.parts(torch.stack(batch), self._encode_images)
        return np.concatenate(parts)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """See `FrameEncoder`."""
        none = np.empty((0, self.dimensions), dtype=np.float32)
        size = BatchSize(self.batch_size, fits=self.fits, kind="texts")
        return np.concatenate([none, *size.parts(list(texts), self._encode_texts)])

    def _pixels(self, picture: NDArray[np.uint8]) -> Tensor:
        if self.crop:
            picture = _without_ends(picture)
        return self.transform(Image.fromarray(picture))

    def _encode_images(self, pixels: Tensor) -> Vectors:
        pixels = pixels.to(device=self.device, dtype=self.dtype)
        return unit_vectors(self.module.encode_image(pixels, normalize=False))

    def _encode_texts(self, texts: list[str]) -> Vectors:
        tokens = self._tokens(texts).to(self.device)
        return unit_vectors(self.module.encode_text(tokens, normalize=False))

    def _tokens(self, texts: list[str]) -> Tensor:
        """(N, context length), as open_clip's tokenizer makes them of texts that are only words."""
        tokenizer = self.tokenizer
        if not isinstance(tokenizer, open_clip.SimpleTokenizer) or tokenizer.reduction_fn:
            tokens: Tensor = tokenizer(texts)
            return tokens
        # To other models of this tokenizer, padding is an id like any.
        padding = self.module.text.pad_id if isinstance(self.module, CoCa) else None
        rows = torch.zeros(len(texts), tokenizer.context_length, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            ids = word_ids(tokenizer, text, padding=padding)[: len(row) - 1]
            row[: len(ids) + 1] = torch.tensor([*ids, tokenizer.eot_token_id])
        return rows


def load_open_clip(
    name: str, rest: str, *, device: torch.device, precision: Precision, batch_size: int
) -> OpenClipEncoder:
    """Loads a model and its tokenizer.

    Args:
        name: The encoder's canonical name, which the rows are kept under.
        rest: `MODEL/TAG`, or a folder with `open_clip_config.json` and weights.
        device: Where it shall run.
        precision: See `gap_assets.gpu.embedding_dtype`.
        batch_size: Pictures or texts a pass.

    Raises:
        ModelNotFoundError: There is no such model, it cannot be fetched, or it is damaged.
        ChecksumError: The folder is not what its SHA256SUMS says.
        DiskFullError: There is no space for it.
    """
    folder, options = Path(rest), dict[str, Any]()
    if folder.is_absolute():
        check_folder(folder)
        read_weights(folder_weights(folder))  # Says of a damaged file that it is one.
        model = f"{LOCAL}{folder}"
        with _damaged(str(folder)):
            config = open_clip.get_model_config(model)
            _ = config["embed_dim"], config["text_cfg"]
            if (folder / "bpe.txt.gz").is_file():
                options["bpe_path"] = str(folder / "bpe.txt.gz")
    else:
        model = rest.rpartition("/")[0]
        config = _config_of(model)
    if config["text_cfg"].get("hf_tokenizer_name"):
        options |= {"trust_remote_code": False, "local_files_only": True}
    _fetch_parts(config["text_cfg"], of_folder=folder.is_absolute())
    with torch.random.fork_rng(devices=[]), _damaged(rest):
        module = open_clip.create_model(model) if folder.is_absolute() else _named(rest)
        tokenizer = open_clip.get_tokenizer(model, **options)
    dtype = embedding_dtype(device.type, precision)
    preprocess = PreprocessCfg(**module.visual.preprocess_cfg)
    return OpenClipEncoder(
        name=name,
        dimensions=config["embed_dim"],
        module=place_encoder(module, device=device, dtype=dtype),
        tokenizer=tokenizer,
        transform=image_transform_v2(preprocess, is_train=False),
        crop=preprocess.resize_mode == "shortest",
        device=device,
        dtype=dtype,
        batch_size=batch_size,
    )


def fetch_open_clip(rest: str) -> Path:
    """Brings the weights of `MODEL/TAG`, and what else it is made of, into the local cache.

    Returns:
        The weights.

    Raises:
        ModelNotFoundError: See `locate_open_clip`; or a file does not arrive whole.
        DiskFullError: There is no space for it.
    """
    path = fetch_checkpoint(locate_open_clip(rest))
    _fetch_parts(_config_of(rest.rpartition("/")[0])["text_cfg"], of_folder=False)
    return path


def locate_open_clip(rest: str) -> WeightsFile:
    """Finds the weights of `MODEL/TAG` in the local cache, or on the hub; downloads nothing.

    Raises:
        ModelNotFoundError: There is no such model, it has no such weights, they were trained with
            another activation, or the hub cannot be reached.
    """
    model, _, tag = rest.rpartition("/")
    config = _config_of(model)
    of_tag = open_clip.get_pretrained_cfg(model, tag)
    if of_tag.get("quick_gelu", False) and not config.get("quick_gelu", False):
        raise ModelNotFoundError(
            f"The weights {tag!r} of {model} were trained with QuickGELU; name them"
            f" open_clip:{model}-quickgelu/{tag}."
        )
    return locate_checkpoint(model, tag)


def _config_of(model: str) -> dict[str, Any]:
    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        raise ModelNotFoundError(
            f"open_clip knows no model {model!r}; choose one of `open_clip.list_pretrained()`, or"
            " name a folder."
        )
    return config


def _fetch_parts(text: Mapping[str, Any], *, of_folder: bool) -> None:
    """Brings the tokenizer and the configuration of a text tower that is transformers' own.

    open_clip would ask for these itself, with errors of its own, and leave it to whoever sits at a
    terminal whether the code beside a configuration is run. A folder holds its tokenizer itself.
    """
    if (tokenizer := text.get("hf_tokenizer_name")) and not of_folder:
        fetch_tokenizer(tokenizer)
    if tower := text.get("hf_model_name"):
        fetch_text_tower(tower)


def _named(rest: str) -> Any:
    model, _, tag = rest.rpartition("/")
    path = fetch_open_clip(rest)
    read_weights(path)
    try:
        return build_model(model, tag, path)
    except RuntimeError as error:
        raise ModelNotFoundError(
            f"{path} does not hold the weights of {model}; choose others."
        ) from error


def _without_ends(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a strip: of 16384 x 2 pixels a resize would make a gigabyte."""
    longest = LONGEST_ASPECT * min(picture.shape[:2])
    top, left = (max(0, side - longest) // 2 for side in picture.shape[:2])
    return picture[top : top + longest, left : left + longest]


@contextmanager
def _damaged(place: str) -> Iterator[None]:
    """Names a model whose files are there and cannot be loaded."""
    try:
        yield
    except ModelNotFoundError:
        raise
    except (OSError, RuntimeError, SafetensorError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ModelNotFoundError(
            f"{place} holds no open_clip model that can be loaded ({reason}); restore it, or choose"
            " another."
        ) from error

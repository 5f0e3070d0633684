"""Loading CoCa: open_clip names and local folders the same way, on any device.

Only loading belongs here: module, tokenizer, precision, and what is refused. Where the weights are
is found by `checkpoints`. Pictures go through `engine`, texts through `text`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip  # noqa: TID253
import torch  # noqa: TID253
from open_clip.coca_model import CoCa as CocaModule  # noqa: TID253
from safetensors import SafetensorError

from gap_assets.checkpoints import build_model, check_folder
from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.settings import DecodeSettings
from gap_assets.coca.weights import check_weights, coca_config, fetch_weights
from gap_assets.gpu import (
    Fits,
    Precision,
    compute_device,
    describe_device,
    embedding_dtype,
    place_encoder,
)
from gap_assets.hub import ModelNotFoundError
from gap_assets.profiles import LOCAL, canonical_model, display_name, is_local

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Coca:
    """A loaded CoCa.

    Attributes:
        module: open_clip's model in evaluation mode, on `device`, all of it in `dtype`.
        tokenizer: open_clip's tokenizer of that model; pads to `context_length`.
        device: Where it runs.
        dtype: float32, or float16 on a GPU. Never bfloat16, whose embeddings are off by 0.013.
        embed_dim: D of the shared space.
        image_size: Side of the square input picture in pixels.
        mean, std: The model's normalisation of RGB in [0, 1].
        context_length: Tokens of a text, start and end token included.
        decoders: The caption decoders used so far, whose caches serve the next call.
        fits: What is known of how much a GPU's memory suffices for; see `gap_assets.gpu`.
    """

    module: CocaModule
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    embed_dim: int
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    decoders: dict[DecodeSettings, CaptionDecoder] = field(default_factory=dict)
    fits: Fits = field(default_factory=dict)


def load_coca(
    *,
    model: str,
    weights: str | None,
    device: str = "auto",
    precision: Precision = "auto",
    seed: int | None = None,
) -> Coca:
    """Load a CoCa model and its tokenizer.

    Args:
        model: An open_clip name such as `coca_ViT-L-14`, or `local-dir:` and a folder that holds
            `open_clip_config.json`, `open_clip_model.safetensors` (or another of `WEIGHT_FILES`)
            and, where the vocabulary is pruned, `bpe.txt.gz`. The files are compared with
            `SHA256SUMS` if that is there.
        weights: open_clip's tag of the weights in any spelling that open_clip takes, or a file;
            None for a folder's own weights.
        device: See `gap_assets.gpu.compute_device`.
        precision: Of the whole model. `auto` is fp16 on a GPU and fp32 on a CPU. open_clip's own
            precision names fail for CoCa: they leave some of its parameters in fp32.
        seed: Gives random weights in place of trained ones, which is the untrained baseline. It
            is the only way to get them.

    Raises:
        ModelNotFoundError: Nothing by that name, or it cannot be fetched, or is no CoCa.
        ChecksumError: The folder is not what its SHA256SUMS says.
        ValueError: The model exists, but is none that this package can run.
    """
    target = torch.device(compute_device(device))
    model = canonical_model(model)
    kwargs: dict[str, str] = {}
    if is_local(model):
        folder = Path(model.removeprefix(LOCAL))
        check_folder(folder)
        if (folder / "bpe.txt.gz").is_file():
            kwargs["bpe_path"] = str(folder / "bpe.txt.gz")
    else:
        coca_config(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        with _damaged_folder(model):
            module = _create(model, weights) if seed is None else _create_untrained(model)
    dtype = embedding_dtype(target.type, precision)
    preprocess = module.visual.preprocess_cfg
    if (preprocess["resize_mode"], preprocess["interpolation"]) != ("shortest", "bicubic"):
        raise ValueError(f"{model} asks for a resize other than bicubic to the shortest side.")
    log.info(
        "%s runs on %s in %s.", display_name(model, weights), describe_device(str(target)), dtype
    )
    with _damaged_folder(model):
        tokenizer = open_clip.get_tokenizer(model, **kwargs)
    if tokenizer.context_length != module.text.context_length:
        raise ValueError(
            f"The tokenizer of {model} pads to {tokenizer.context_length} tokens, "
            f"but the model reads {module.text.context_length}."
        )
    return Coca(
        module=place_encoder(module, device=target, dtype=dtype),
        tokenizer=tokenizer,
        device=target,
        dtype=dtype,
        embed_dim=module.visual.output_dim,
        image_size=module.visual.image_size[0],
        mean=tuple(preprocess["mean"]),
        std=tuple(preprocess["std"]),
        context_length=module.text.context_length,
    )


def _create(model: str, weights: str | None) -> CocaModule:
    """Build the module with its weights, in fp32 on the CPU."""
    if is_local(model):
        return _as_coca(model, open_clip.create_model(model))
    path = fetch_weights(model, weights)
    check_weights(model, path)
    return _as_coca(model, build_model(model, weights, path))


def _create_untrained(model: str) -> CocaModule:
    module = _as_coca(model, open_clip.create_model(model, load_weights=False))
    # open_clip leaves this one uninitialised (its issue 551).
    projection = module.text_decoder.text_projection
    torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)
    return module


def _as_coca(model: str, module: object) -> CocaModule:
    if not isinstance(module, CocaModule):
        raise ModelNotFoundError(f"{model} is no CoCa; choose one such as 'coca_ViT-L-14'.")
    return module


@contextmanager
def _damaged_folder(model: str) -> Iterator[None]:
    """Names a folder that cannot be loaded."""
    try:
        yield
    except ModelNotFoundError:
        raise
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        if not is_local(model):
            raise
        reason = " ".join(str(error).split())
        raise ModelNotFoundError(
            f"The folder {model.removeprefix(LOCAL)} holds no CoCa that can be loaded"
            f" ({reason}); restore it."
        ) from error

"""Loading CoCa: open_clip names and local folders by the same road, on any device.

Only loading belongs here: weights, tokenizer, precision, and what is refused. Pictures go through
`engine`, texts through `text`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import open_clip  # noqa: TID253
import torch  # noqa: TID253
from open_clip.coca_model import CoCa as CocaModule  # noqa: TID253
from safetensors import SafetensorError

from gap_assets.checksums import verify_checksums
from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.settings import DecodeSettings
from gap_assets.devices import compute_device

Precision = Literal["auto", "fp32", "fp16"]

LOCAL = "local-dir:"
LOCAL_CONFIG = "open_clip_config.json"
LOCAL_WEIGHTS = "open_clip_model.safetensors"


class ModelNotFoundError(RuntimeError):
    """A model, its weights or its folder is not there; the message says what to do."""


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
            `open_clip_config.json`, `open_clip_model.safetensors` and, where the vocabulary is
            pruned, `bpe.txt.gz`. The files are compared with `SHA256SUMS` if that is there.
        weights: open_clip's tag of the weights, or a file; None for a folder's own weights, and
            with a name for random weights.
        device: See `gap_assets.devices.compute_device`.
        precision: Of the whole model. `auto` is fp16 on a GPU and fp32 on a CPU. open_clip's own
            precision names fail for CoCa: they leave some of its parameters in fp32.
        seed: Gives random weights in place of trained ones, which is the untrained baseline.

    Raises:
        ModelNotFoundError: Nothing by that name, or it cannot be fetched.
        ChecksumError: The folder is not what its SHA256SUMS says.
        ValueError: The model exists, but is none that this package can run.
    """
    target = torch.device(compute_device(device))
    kwargs: dict[str, str] = {}
    if model.startswith(LOCAL):
        folder = Path(model.removeprefix(LOCAL))
        _check_folder(folder)
        if (folder / "bpe.txt.gz").is_file():
            kwargs["bpe_path"] = str(folder / "bpe.txt.gz")
    elif model not in open_clip.list_models():
        raise ModelNotFoundError(
            f"open_clip knows no model {model!r}; name one such as 'coca_ViT-L-14', "
            f"or a folder as '{LOCAL}FOLDER'."
        )
    else:
        _check_weights(model, weights)
    untrained = seed is not None or (weights is None and not model.startswith(LOCAL))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        with _what_failed(model, weights):
            module = _create(model, None if untrained else weights, trained=not untrained)
        if untrained:
            # open_clip leaves this one uninitialised (its issue 551).
            projection = module.text_decoder.text_projection
            torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)
    half = precision == "fp16" or (precision == "auto" and target.type == "cuda")
    dtype = torch.float16 if half else torch.float32
    if target.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what stays in fp32
    preprocess = module.visual.preprocess_cfg
    if (preprocess["resize_mode"], preprocess["interpolation"]) != ("shortest", "bicubic"):
        raise ValueError(f"{model} asks for a resize other than bicubic to the shortest side.")
    with _what_failed(model, weights):
        tokenizer = open_clip.get_tokenizer(model, **kwargs)
    if tokenizer.context_length != module.text.context_length:
        raise ValueError(
            f"The tokenizer of {model} pads to {tokenizer.context_length} tokens, "
            f"but the model reads {module.text.context_length}."
        )
    return Coca(
        module=module.to(device=target, dtype=dtype).eval().requires_grad_(requires_grad=False),
        tokenizer=tokenizer,
        device=target,
        dtype=dtype,
        embed_dim=module.visual.output_dim,
        image_size=module.visual.image_size[0],
        mean=tuple(preprocess["mean"]),
        std=tuple(preprocess["std"]),
        context_length=module.text.context_length,
    )


def _check_folder(folder: Path) -> None:
    for name in (LOCAL_CONFIG, LOCAL_WEIGHTS):
        if not (folder / name).is_file():
            raise ModelNotFoundError(
                f"{folder} is no CoCa folder: it has no {name}; check the path."
            )
    verify_checksums(folder)


def _check_weights(model: str, weights: str | None) -> None:
    if weights is None or Path(weights).is_file():
        return
    tags = open_clip.list_pretrained_tags_by_model(model)
    if weights not in tags:
        known = ", ".join(tags) or "none"
        raise ModelNotFoundError(
            f"{weights!r} is neither a file nor a tag of {model}'s weights (known: {known})."
        )


def _create(model: str, weights: str | None, *, trained: bool) -> CocaModule:
    """Build the module in fp32 on the CPU."""
    module = open_clip.create_model(model, pretrained=weights, load_weights=trained)
    if not isinstance(module, CocaModule):
        raise ValueError(f"{model} is not a CoCa model; choose one such as 'coca_ViT-L-14'.")
    return module


@contextmanager
def _what_failed(model: str, weights: str | None) -> Iterator[None]:
    """Tells a damaged folder and a failed download from other failures."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        if model.startswith(LOCAL):
            reason = " ".join(str(error).split())
            raise ModelNotFoundError(
                f"The folder {model.removeprefix(LOCAL)} holds no CoCa that can be loaded"
                f" ({reason}); restore it."
            ) from error
        if weights is None or Path(weights).is_file() or isinstance(error, ValueError):
            raise
        raise ModelNotFoundError(
            f"The weights {weights!r} of {model} are not in the local cache and could not be "
            "downloaded; connect to the Hugging Face hub once, or give a local file."
        ) from error

"""Which files a CoCa's weights are, and whether they are those of the model.

Where the files of any open_clip model lie is found by `gap_assets.checkpoints`. Nothing is built or
loaded onto a device here (see `model`).
"""

from pathlib import Path
from typing import Any

import open_clip  # noqa: TID253
import torch  # noqa: TID253

from gap_assets.checkpoints import WeightsFile, fetch_checkpoint, locate_checkpoint, read_weights
from gap_assets.hub import ModelNotFoundError
from gap_assets.profiles import LOCAL, canonical_model


def coca_config(model: str) -> dict[str, Any]:
    """open_clip's configuration of a CoCa by name.

    Raises:
        ModelNotFoundError: open_clip knows no such model, or it is no CoCa.
    """
    name = canonical_model(model)
    config: dict[str, Any] | None = open_clip.get_model_config(name)
    cocas = ", ".join(known for known in open_clip.list_models() if known.startswith("coca_"))
    if config is None:
        raise ModelNotFoundError(
            f"open_clip knows no model {model!r}; name one of {cocas}, or a folder as '{LOCAL}"
            "FOLDER'."
        )
    if "multimodal_cfg" not in config:
        raise ModelNotFoundError(f"{model} is no CoCa and writes no captions; choose from {cocas}.")
    return config


def locate_weights(model: str, weights: str | None) -> WeightsFile:
    """Finds the weights of a named CoCa in the local cache, or on the hub; downloads nothing.

    Args:
        model: An open_clip name.
        weights: A tag in any spelling that open_clip takes, or a file.

    Raises:
        ModelNotFoundError: There are no such weights, or the hub cannot be reached.
    """
    coca_config(model)
    return locate_checkpoint(model, weights)


def fetch_weights(model: str, weights: str | None) -> Path:
    """The weights of a named CoCa as a file, downloaded if the local cache lacks them.

    Raises:
        ModelNotFoundError: See `locate_weights`; or the file is not whole.
        DiskFullError: There is no space for them.
    """
    return fetch_checkpoint(locate_weights(model, weights))


def check_weights(model: str, path: Path) -> dict[str, torch.Tensor]:
    """Refuses a file that is damaged, or holds the weights of another model.

    Returns:
        What `read_weights` gives.

    Raises:
        ModelNotFoundError: The message names the file.
    """
    tensors = read_weights(path)
    config = coca_config(model)
    text, vision = config["text_cfg"], config["vision_cfg"]
    expected = {
        "text.token_embedding.weight": (text["vocab_size"], text["width"]),
        "visual.conv1.weight": (vision["width"], 3, vision["patch_size"], vision["patch_size"]),
        "text_decoder.text_projection": None,
    }
    for name, shape in expected.items():
        if name not in tensors or (shape and tuple(tensors[name].shape) != shape):
            raise ModelNotFoundError(
                f"{path} does not hold the weights of {model} ({name} differs); choose others."
            )
    return tensors

"""What a network says about itself without being loaded: its cost per picture, its temperature.

Both are read from files. Loading a network belongs to `model`.
"""

import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import open_clip  # noqa: TID253
import torch  # noqa: TID253
from safetensors import SafetensorError, safe_open

from gap_assets.coca.model import LOCAL, LOCAL_CONFIG, LOCAL_WEIGHTS

LOGIT_SCALE = "logit_scale"


def encoding_flop(model: str) -> float:
    """Floating-point operations of encoding one picture, to within a few percent.

    A multiplication and an addition for each of a block's 12 width^2 weights and each patch; the
    attention between patches and the poolers come to little beside it. A tower without such
    numbers in its configuration counts as open_clip's default, a ViT-B/16.

    Args:
        model: As for `load_coca`.
    """
    if model.startswith(LOCAL):
        text = (Path(model.removeprefix(LOCAL)) / LOCAL_CONFIG).read_text(encoding="utf-8")
        config = json.loads(text)["model_cfg"]
    else:
        config = open_clip.get_model_config(model)
    tower: dict[str, Any] = {"layers": 12, "width": 768, "patch_size": 16, "image_size": 224}
    tower |= {k: v for k, v in config["vision_cfg"].items() if k in tower and isinstance(v, int)}
    patches = (tower["image_size"] // tower["patch_size"]) ** 2
    return float(2 * 12 * tower["layers"] * tower["width"] ** 2 * patches)


@cache
def stored_logit_scale(model: str, weights: str | None) -> float | None:
    """A model's inverse temperature, read from its file of weights alone.

    Args:
        model: As for `load_coca`.
        weights: As for `load_coca`; what the hub has is fetched if it is not in the cache.

    Returns:
        The number; None where there is no such file, or it is of a kind that must be loaded whole.
    """
    try:
        return _exponential(_weights_file(model, weights))
    except (OSError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError):
        return None


def _weights_file(model: str, weights: str | None) -> Path:
    if weights and Path(weights).is_file():
        return Path(weights)
    if model.startswith(LOCAL):
        return Path(model.removeprefix(LOCAL)) / LOCAL_WEIGHTS
    found = open_clip.download_pretrained(open_clip.get_pretrained_cfg(model, weights or ""))
    if not found:
        raise ValueError(f"{model} has no weights {weights}.")
    return Path(found)


def _exponential(path: Path) -> float | None:
    tensor = None
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            if name := _name(file.keys()):
                tensor = file.get_tensor(name)
    else:
        stored = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        stored = stored.get("state_dict", stored)
        if name := _name(stored):
            tensor = stored[name]
    return None if tensor is None else float(tensor.float().exp())


def _name(names: Any) -> str | None:
    """What the number is called; files of trainings on several GPUs have a prefix."""
    return next((n for n in (LOGIT_SCALE, f"module.{LOGIT_SCALE}") if n in names), None)

"""open_clip folders with random weights: encoders of any size that know nothing and cost little."""

import json
from pathlib import Path

import open_clip
import safetensors.torch
import torch

PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def clip_folder(folder: Path, *, dimensions: int, seed: int = 0) -> str:
    """Writes a small CLIP into a folder.

    Returns:
        The name of the encoder.
    """
    config = {
        "embed_dim": dimensions,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 64,
            "head_width": 32,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 32,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS})
    (folder / "open_clip_config.json").write_text(text, encoding="utf-8")
    write_weights(folder, seed=seed)
    return f"open_clip:{folder}"


def write_weights(folder: Path, *, seed: int) -> None:
    """Writes random weights of the folder's configuration into it, over those that are there."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    weights = dict(model.state_dict())
    safetensors.torch.save_file(weights, folder / "open_clip_model.safetensors", {"format": "pt"})

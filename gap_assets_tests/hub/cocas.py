"""Repositories of CoCa's weights as LAION publishes them, with random weights of the true shapes.

Language models are in `language_models`; serving is in `server`.
"""

from pathlib import Path
from typing import Literal

import open_clip
import safetensors.torch
import torch

from gap_assets_tests.hub.repository import Content, Repository

Training = Literal["laion2b_s13b_b90k", "mscoco_finetuned_laion2b_s13b_b90k"]

PICKLED = "open_clip_pytorch_model.bin"
# open_clip asks for `open_clip_model.safetensors`, which no CoCa's repository has.
SAFETENSORS = "open_clip_pytorch_model.safetensors"


def coca_repository(
    folder: Path, *, model: str, training: Training, files: tuple[str, ...]
) -> Repository:
    """A repository of `coca_ViT-B-32` or `coca_ViT-L-14`, as open_clip names it.

    Args:
        folder: Where the files are written; made if need be.
        model: open_clip's name.
        training: open_clip's tag; each has weights of its own.
        files: The forms that the weights are there in: `PICKLED`, `SAFETENSORS`, or both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights(model, seed=len(training))
    for name in files:
        if name == PICKLED:
            torch.save(weights, folder / name)
        else:
            safetensors.torch.save_file(weights, folder / name, {"format": "pt"})
    name = open_clip.get_pretrained_cfg(model, training)["hf_hub"].strip("/")
    card: dict[str, Content] = {"README.md": b"---\nlicense: mit\n---\n"}
    return Repository(name=name, files=card | {each: folder / each for each in files})


def random_weights(model: str, *, seed: int) -> dict[str, torch.Tensor]:
    """open_clip's own initial weights, under which captions of different frames differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = open_clip.create_model(model, load_weights=False)
        # open_clip leaves this one uninitialised (its issue 551).
        projection = module.text_decoder.text_projection
        torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)
    return dict(module.state_dict())

"""Repositories of CoCa's weights as LAION publishes them, with random weights of the true shapes.

Language models are in `language_models`; serving is in `server`.
"""

from pathlib import Path

import open_clip
import safetensors.torch
import torch

from gap_assets_tests.hub.repository import Content, Repository


def coca_repository(folder: Path, *, model: str, tag: str, files: tuple[str, ...]) -> Repository:
    """A repository of `coca_ViT-B-32` or `coca_ViT-L-14`, as open_clip names it.

    Args:
        folder: Where the files are written; made if need be.
        model: open_clip's name.
        tag: open_clip's tag of the weights; each has weights of its own.
        files: The names under which the weights are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights(model, seed=len(tag))
    for name in files:
        if name.endswith(".safetensors"):
            safetensors.torch.save_file(weights, folder / name, {"format": "pt"})
        else:
            torch.save(weights, folder / name)
    name = open_clip.get_pretrained_cfg(model, tag)["hf_hub"].strip("/")
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

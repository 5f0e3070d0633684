"""Which files a CoCa's weights are, where they lie, and whether they are those of the model.

Nothing is built or loaded onto a device here (see `model`); the hub is asked by `gap_assets.hub`.
"""

import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip  # noqa: TID253
import torch  # noqa: TID253
from open_clip.factory import load_state_dict  # noqa: TID253
from safetensors import SafetensorError, safe_open
from torch.utils.serialization import config as torch_files  # noqa: TID253

from gap_assets.hub import ModelNotFoundError, cached_file, fetch, list_repository
from gap_assets.profiles import LOCAL, canonical_model, canonical_weights

LOCAL_CONFIG = "open_clip_config.json"

# In the order of preference. open_clip asks for the first and the last; the repositories of
# coca_ViT-L-14 hold the second.
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Where the weights of a model are.

    Attributes:
        path: The file on this machine; None while it is only on the hub.
        repository: On the hub; None for a local file.
        name: Within the repository.
        bytes: Its size.
    """

    path: Path | None
    repository: str | None
    name: str
    bytes: int


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
    tags = open_clip.list_pretrained_tags_by_model(canonical_model(model))
    known = ", ".join(tags) or "none"
    chosen = canonical_weights(weights)
    if chosen is None:
        raise ModelNotFoundError(
            f"{model} has no weights of its own; name one of its tags ({known}), or a file."
        )
    file = Path(chosen)
    if file.is_file():
        return WeightsFile(path=file, repository=None, name=file.name, bytes=file.stat().st_size)
    source = open_clip.get_pretrained_cfg(canonical_model(model), chosen).get("hf_hub")
    if not source:
        raise ModelNotFoundError(
            f"{weights!r} is neither a file nor a tag of {model}'s weights (known: {known})."
        )
    repository, _, name = source.rpartition("/")
    names = [name] if name else list(WEIGHT_FILES)
    for each in names:
        if path := cached_file(repository, each):
            size = path.stat().st_size
            return WeightsFile(path=path, repository=repository, name=each, bytes=size)
    listed = list_repository(repository)
    for each in names:
        if each in listed:
            size = listed[each]
            return WeightsFile(path=None, repository=repository, name=each, bytes=size)
    raise ModelNotFoundError(
        f"{repository} holds none of {', '.join(names)}; choose other weights (known: {known})."
    )


def folder_weights(folder: Path) -> Path:
    """The weights file in a CoCa's folder.

    Raises:
        ModelNotFoundError: There is none.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelNotFoundError(f"{folder} holds none of {', '.join(WEIGHT_FILES)}; check the path.")


def fetch_weights(model: str, weights: str | None) -> Path:
    """The weights of a named CoCa as a file, downloaded if the local cache lacks them.

    Raises:
        ModelNotFoundError: See `locate_weights`; or the file is not whole.
        DiskFullError: There is no space for them.
    """
    found = locate_weights(model, weights)
    if found.path:
        return found.path
    assert found.repository
    return fetch(found.repository, [found.name]) / found.name


def mapped_files() -> AbstractContextManager[None]:
    """Has torch map files instead of reading them: else a .bin lies in memory twice."""
    patch: AbstractContextManager[None] = torch_files.patch("load.mmap", True)  # type: ignore[attr-defined] # noqa: FBT003
    return patch


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, mapped from the file rather than copied to memory.

    Raises:
        ModelNotFoundError: The file is damaged or incomplete. No code in it is run.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt"):  # Compares the file's size with its header.
                pass
        elif not zipfile.is_zipfile(path):
            raise ValueError("it is no archive of torch")
        with mapped_files():
            found: dict[str, torch.Tensor] = load_state_dict(str(path))
    except (OSError, RuntimeError, SafetensorError, ValueError, TypeError) as error:
        raise ModelNotFoundError(
            f"{path.resolve()} is damaged or incomplete; delete it and run this again."
        ) from error
    except Exception as error:  # pickle.UnpicklingError and what else a hostile file causes
        raise ModelNotFoundError(
            f"{path.resolve()} holds more than weights, which is not loaded; choose other weights."
        ) from error
    return found


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

"""Which file an open_clip model's weights are, where it lies, and the model that is made of it.

Belongs here: what every open_clip model shares. Which models are wanted, and what is done with
them, is for `coca` and `encoders` to say; the hub is asked by `gap_assets.hub`. No code in a file
is ever run.
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

from gap_assets.files import verify_checksums
from gap_assets.hub import ModelNotFoundError, cached_file, fetch, list_repository
from gap_assets.profiles import canonical_model, canonical_weights

LOCAL_CONFIG = "open_clip_config.json"

# In the order of preference. open_clip asks for the first and the last; the repositories of
# coca_ViT-L-14 hold the second.
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)

# What a tag says of the pictures that its weights were trained on.
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")


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


def locate_checkpoint(model: str, weights: str | None) -> WeightsFile:
    """Finds the weights of a named model in the local cache, or on the hub; downloads nothing.

    Args:
        model: A name that open_clip has a configuration of.
        weights: A tag in any spelling that open_clip takes, or a file.

    Raises:
        ModelNotFoundError: There are no such weights, or the hub cannot be reached.
    """
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


def fetch_checkpoint(found: WeightsFile) -> Path:
    """The weights as a file, downloaded if the local cache lacks them.

    Raises:
        ModelNotFoundError: The file does not arrive whole.
        DiskFullError: There is no space for it.
    """
    if found.path:
        return found.path
    assert found.repository
    return fetch(found.repository, [found.name]) / found.name


def folder_weights(folder: Path) -> Path:
    """The weights file in an open_clip folder.

    Raises:
        ModelNotFoundError: There is none.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelNotFoundError(f"{folder} holds none of {', '.join(WEIGHT_FILES)}; check the path.")


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds no open_clip model, or another than its SHA256SUMS says.

    Raises:
        ModelNotFoundError: A file is missing.
        ChecksumError: A file was changed.
    """
    if not (folder / LOCAL_CONFIG).is_file():
        raise ModelNotFoundError(
            f"{folder} is no open_clip model's folder: it has no {LOCAL_CONFIG}; check the path."
        )
    folder_weights(folder)
    verify_checksums(folder)


def build_model(model: str, weights: str | None, path: Path) -> Any:
    """A named model with its weights, in fp32 on the CPU, with its tag's preprocessing.

    Args:
        model: A name that open_clip has a configuration of.
        weights: The tag of the weights, or a file.
        path: The weights, which are on this machine.

    Raises:
        RuntimeError: The weights are another model's; open_clip's own words of it.
    """
    # A file says nothing of how its pictures are normalised; its tag does.
    of_tag = open_clip.get_pretrained_cfg(canonical_model(model), canonical_weights(weights) or "")
    preprocess = {key: of_tag[key] for key in PREPROCESSING if key in of_tag}
    with mapped_files():
        return open_clip.create_model(
            canonical_model(model), pretrained=str(path), force_preprocess_cfg=preprocess
        )


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

"""Which files a language model is made of, where they lie, and whether they are whole.

Nothing is loaded here (see `summarizer`); the hub is asked by `gap_assets.hub`.
"""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from gap_assets.files import verify_checksums
from gap_assets.hub import (
    ModelFiles,
    ModelNotFoundError,
    cached_file,
    fetch,
    list_folder,
    list_repository,
)

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SMALL_FILES = (
    CONFIG,
    "generation_config.json",
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    INDEX,
)


def locate_language_model(model: str, *, revision: str | None = None) -> ModelFiles:
    """Finds a language model as a folder, in the local cache, or on the hub; downloads nothing.

    Raises:
        ModelNotFoundError: There is no such model, or it lacks a file that this package needs.
    """
    folder: Path | None = Path(model)
    if not Path(model).is_dir():
        config = cached_file(model, CONFIG, revision=revision)
        folder = config and config.parent
    if folder and (Path(model).is_dir() or not _missing(list_folder(folder))):
        sizes = list_folder(folder)
        if reason := _missing(sizes):
            raise ModelNotFoundError(f"The folder {model} holds no language model: {reason}.")
    else:
        folder, sizes = None, list_repository(model, revision=revision)
        if reason := _missing(sizes):
            raise ModelNotFoundError(f"{model} cannot be used: {reason}; choose another model.")
    names = tuple(name for name in sizes if name in SMALL_FILES or _is_weights(name, sizes))
    return ModelFiles(folder=folder, names=names, bytes=sum(sizes[name] for name in names))


def fetch_language_model(model: str, *, revision: str | None = None) -> Path:
    """The folder of a language model, downloaded if it is nowhere on this machine.

    Raises:
        ModelNotFoundError: See `locate_language_model`.
        ChecksumError: The folder is not what its SHA256SUMS says.
        DiskFullError: There is no space for it.
    """
    found = locate_language_model(model, revision=revision)
    folder = found.folder or fetch(model, found.names, revision=revision)
    count_parameters(folder)
    return folder


def count_parameters(folder: Path) -> int:
    """How many parameters the weights in a folder hold, by their headers.

    Raises:
        ChecksumError: The folder is not what its SHA256SUMS says.
        ModelNotFoundError: A file is damaged or incomplete.
    """
    verify_checksums(folder)
    total = 0
    sizes = list_folder(folder)
    for name in sizes:
        if _is_weights(name, sizes):
            try:
                with safe_open(folder / name, "np") as tensors:
                    for key in tensors.keys():  # noqa: SIM118 - it is no dictionary
                        size = 1
                        for side in tensors.get_slice(key).get_shape():
                            size *= side
                        total += size
            except (OSError, SafetensorError) as error:
                raise ModelNotFoundError(
                    f"{(folder / name).resolve()} is damaged or incomplete; delete it and run this"
                    " again."
                ) from error
    return total


def _is_weights(name: str, files: dict[str, int]) -> bool:
    if WEIGHTS in files:
        return name == WEIGHTS
    return INDEX in files and name.startswith("model-") and name.endswith(".safetensors")


def _missing(files: dict[str, int]) -> str | None:
    """What a model lacks, or None."""
    if CONFIG not in files:
        return f"it has no {CONFIG}"
    if TOKENIZER not in files:
        return f"it has no {TOKENIZER}, and sentencepiece, which reads others, is not installed"
    weights = [name for name in files if _is_weights(name, files)]
    if not weights:
        return "it has no weights as safetensors, and other formats can carry code"
    if WEIGHTS not in files:
        # A shard is named model-00001-of-00003.safetensors.
        expected = int(weights[0].removesuffix(".safetensors").rpartition("-")[2])
        if len(weights) < expected:
            return f"only {len(weights)} of its {expected} weight files are there"
    return None

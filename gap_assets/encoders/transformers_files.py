"""Which files a video-text model of transformers is made of, where they lie, and fetching them.

Nothing is loaded here (see `transformers_model`); the hub is asked by `gap_assets.hub`.
"""

from pathlib import Path

from gap_assets.encoders.tokenizers import CONFIG, TOKENIZER, TOKENIZER_FILES
from gap_assets.files import verify_checksums
from gap_assets.hub import (
    ModelFiles,
    ModelNotFoundError,
    cached_file,
    fetch,
    list_folder,
    list_repository,
)

PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json")
# In the order of preference.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def locate_model(rest: str) -> ModelFiles:
    """Finds a model as a folder, in the local cache, or on the hub; downloads nothing.

    Args:
        rest: `ORG/NAME`, `ORG/NAME@REVISION`, or a folder.

    Raises:
        ModelNotFoundError: There is no such model, or it lacks a file that is needed.
        ChecksumError: The folder is not what its SHA256SUMS says.
    """
    if Path(rest).is_absolute():
        if not Path(rest).is_dir():
            raise ModelNotFoundError(f"There is no folder {rest}; check the path.")
        verify_checksums(Path(rest))
        return _files(rest, Path(rest), list_folder(Path(rest)))
    repository, _, revision = rest.partition("@")
    config = cached_file(repository, CONFIG, revision=revision or None)
    if config and not _lacks(list_folder(config.parent)):
        return _files(rest, config.parent, list_folder(config.parent))
    return _files(rest, None, list_repository(repository, revision=revision or None))


def fetch_model(rest: str) -> Path:
    """The folder of a model, downloaded if it is nowhere on this machine.

    Raises:
        ModelNotFoundError: See `locate_model`; or a file does not arrive whole.
        ChecksumError: See there.
        DiskFullError: There is no space for it.
    """
    found = locate_model(rest)
    repository, _, revision = rest.partition("@")
    return found.folder or fetch(repository, found.names, revision=revision or None)


def weights_in(folder: Path) -> Path:
    """The weights of a model in a folder, of which `locate_model` has seen that it holds them."""
    return next(folder / name for name in WEIGHTS if (folder / name).is_file())


def _files(rest: str, folder: Path | None, sizes: dict[str, int]) -> ModelFiles:
    if lacks := _lacks(sizes):
        raise ModelNotFoundError(f"{rest} holds no video encoder of transformers: {lacks}.")
    weights = next(name for name in WEIGHTS if name in sizes)
    wanted = (CONFIG, *PROCESSORS, *TOKENIZER_FILES, weights)
    names = tuple(name for name in sizes if name in wanted)
    return ModelFiles(folder=folder, names=names, bytes=sum(sizes[name] for name in names))


def _lacks(files: dict[str, int]) -> str | None:
    """What a model lacks, or None."""
    if CONFIG not in files:
        return f"it has no {CONFIG}; choose another, or name a revision that has, as NAME@REVISION"
    if not any(name in files for name in WEIGHTS):
        return (
            f"it has none of {', '.join(WEIGHTS)}; choose another, or a revision as NAME@REVISION"
        )
    if not any(name in files for name in PROCESSORS):
        return f"it has none of {', '.join(PROCESSORS)}; choose another"
    if TOKENIZER not in files and not files.keys() >= {"vocab.json", "merges.txt"}:
        return f"it has no {TOKENIZER}, and sentencepiece, which reads others, is not installed"
    return None

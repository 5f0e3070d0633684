"""The files of an encoder by its name: whether they are on this machine, and fetching them.

Nothing is loaded here (see `loading`).
"""

from dataclasses import dataclass
from pathlib import Path

from gap_assets.encoders.names import EMBEDDED, TRANSFORMERS
from gap_assets.profiles import MODELS


@dataclass(frozen=True, kw_only=True)
class EncoderFiles:
    """What is known of an encoder without loading it.

    Attributes:
        here: Whether its weights are on this machine.
        bytes: The size of its files.
    """

    here: bool
    bytes: int


def locate_encoder(name: str) -> EncoderFiles:
    """Finds an encoder as a folder, in the local cache, or on the hub; downloads nothing.

    Args:
        name: A canonical name.

    Raises:
        ModelNotFoundError: There is no such model, it lacks a file, or the hub cannot be reached.
        ChecksumError: A folder is not what its SHA256SUMS says.
    """
    from gap_assets.checkpoints import check_folder, folder_weights
    from gap_assets.encoders.open_clip_model import locate_open_clip
    from gap_assets.encoders.transformers_files import locate_model

    kind, _, rest = name.partition(":")
    if kind == TRANSFORMERS:
        model = locate_model(rest)
        return EncoderFiles(here=model.folder is not None, bytes=model.bytes)
    folder = MODELS / rest if kind == EMBEDDED else Path(rest)
    if folder.is_absolute():
        check_folder(folder)
        return EncoderFiles(here=True, bytes=folder_weights(folder).stat().st_size)
    weights = locate_open_clip(rest)
    return EncoderFiles(here=weights.path is not None, bytes=weights.bytes)


def fetch_encoder(name: str) -> None:
    """Downloads the files of an encoder with a progress bar, unless they are on this machine.

    Raises:
        ModelNotFoundError: See `locate_encoder`; or a file does not arrive whole.
        ChecksumError: See there.
        DiskFullError: The cache's disk is full.
    """
    from gap_assets.encoders.open_clip_model import fetch_open_clip
    from gap_assets.encoders.transformers_files import fetch_model

    kind, _, rest = name.partition(":")
    if kind == TRANSFORMERS:
        fetch_model(rest)
    elif kind != EMBEDDED and not Path(rest).is_absolute():
        fetch_open_clip(rest)

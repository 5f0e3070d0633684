"""From an encoder's name to the encoder.

Belongs here: which adapter a name is for, and what of a model a result depends on. Importing this
loads no torch; the adapters are imported as they are needed.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gap_assets.encoders.encoder import Encoder
from gap_assets.encoders.names import EMBEDDED, TRANSFORMERS, UNTRAINED, canonical_encoder
from gap_assets.graph import fingerprint
from gap_assets.profiles import MODELS

if TYPE_CHECKING:
    from gap_assets.gpu import Precision


def load_encoder(
    name: str, *, device: str = "auto", precision: "Precision" = "auto", batch_size: int = 64
) -> Encoder:
    """Loads an encoder: downloads what is not in the local cache, and runs no code of it.

    Args:
        name: See `gap_assets.encoders.names.canonical_encoder`.
        device: See `gap_assets.gpu.compute_device`.
        precision: Of the whole model. `auto` is fp16 on a GPU and fp32 on a CPU.
        batch_size: Pictures, videos or texts a pass; halved for good when a GPU runs out of memory.

    Raises:
        ValueError: The name is none, or stands for untrained networks, which are made of the
            data folder's CoCa by `gap_assets.coca.model.load_coca` with a seed.
        ModelNotFoundError: There is no such model, it cannot be fetched, or it is damaged.
        ChecksumError: A folder is not what its SHA256SUMS says.
        DiskFullError: There is no space for it.
    """
    import torch

    from gap_assets.encoders.open_clip_model import load_open_clip
    from gap_assets.encoders.transformers_model import load_transformers
    from gap_assets.gpu import compute_device

    name = canonical_encoder(name)
    kind, _, rest = name.partition(":")
    if kind == UNTRAINED:
        raise ValueError(f"{name} stands for networks with random weights, not for one encoder.")
    load = load_transformers if kind == TRANSFORMERS else load_open_clip
    return load(
        name,
        str(MODELS / rest) if kind == EMBEDDED else rest,
        device=torch.device(compute_device(device)),
        precision=precision,
        batch_size=batch_size,
    )


def encoder_fingerprint(name: str) -> str:
    """What of an encoder a result depends on: its canonical name, and the files of a folder.

    A folder that is not there has no files. Of a model on the hub only the name counts, with the
    revision if there is one.

    Raises:
        ValueError: See `canonical_encoder`.
    """
    name = canonical_encoder(name)
    kind, _, rest = name.partition(":")
    folder = MODELS / rest if kind == EMBEDDED else Path(rest)
    if not folder.is_absolute():
        return fingerprint([name])
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    # A card changes no result, nor does the list of checksums that a card is in.
    files = [p for p in files if p.is_file() and p.suffix != ".md" and p.name != "SHA256SUMS"]
    return fingerprint([name, *([file.name, _digest(file)] for file in files)])


def _digest(file: Path) -> str:
    state = file.stat()
    return _digest_of(file, state.st_size, state.st_mtime_ns)


@cache
def _digest_of(file: Path, *_version: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()

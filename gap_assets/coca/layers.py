"""What is between the residual blocks of the two towers, one vector an item and block.

Belongs here: reading them during the pass that embeds, by hooks, so that nothing is computed twice
and nothing but the vectors is kept. What they are measured for is decided elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch  # noqa: TID253
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from gap_assets.coca.engine import embed_frames
from gap_assets.coca.model import Coca
from gap_assets.coca.text import embed_texts

CLASS, PATCHES = "class", "patches"

Vectors = NDArray[np.float32]
Reads = Mapping[str, Callable[[torch.Tensor], torch.Tensor]]
"""Name of a token to what reads it from a batch of sequences: (n, T, C) to (n, C)."""

# A ViT's class token is its first; CoCa's text tower is read at its last, which is one, too.
OF_IMAGES: Reads = {CLASS: lambda x: x[:, 0], PATCHES: lambda x: x[:, 1:].float().mean(dim=1)}
OF_TEXTS: Reads = {CLASS: lambda x: x[:, -1]}


@dataclass(frozen=True, kw_only=True)
class TowerLayers:
    """What a tower makes of n items.

    Attributes:
        tokens: Name of a token to its vectors, (n, C) float32 of any length: first before all
            blocks, then after each. Empty for a tower without open_clip's residual blocks.
        output: (n, D) float32, unit rows: the embeddings.
    """

    tokens: Mapping[str, Sequence[Vectors]]
    output: Vectors


def image_layers(coca: Coca, jpegs: Iterable[bytes], *, batch_size: int) -> TowerLayers:
    """Embed n >= 1 pictures as `embed_frames` does, with what is between the blocks.

    The tokens are the class token and the mean of the patches' tokens.

    Raises:
        PIL.UnidentifiedImageError: Bytes that are no picture.
        FloatingPointError: The model left the range of fp16.
    """
    with _recorded(coca.module.visual, OF_IMAGES) as parts:
        output = embed_frames(coca, jpegs, batch_size=batch_size)
    return TowerLayers(tokens=_joined(parts), output=output)


def text_layers(coca: Coca, texts: Sequence[str], *, batch_size: int) -> TowerLayers:
    """Embed n >= 1 texts as `embed_texts` does, with what is between the blocks.

    The token is the class token, which the embedding is read from.

    Raises:
        FloatingPointError: The model left the range of fp16.
    """
    with _recorded(coca.module.text, OF_TEXTS) as parts:
        output = embed_texts(coca, texts, batch_size=batch_size).embeddings
    return TowerLayers(tokens=_joined(parts), output=output)


Batch = dict[str, list[Vectors]]


@contextmanager
def _recorded(tower: nn.Module, reads: Reads) -> Iterator[list[Batch]]:
    """The list that each batch's vectors are put into while the tower runs.

    A batch that did not fit into a GPU's memory runs again in parts: only what passed the whole
    tower counts.
    """
    transformer = getattr(tower, "transformer", None)
    blocks: Sequence[nn.Module] = getattr(transformer, "resblocks", ())
    batch_first = bool(getattr(transformer, "batch_first", True))
    done: list[Batch] = []
    batch: Batch = {}

    def read(sequence: torch.Tensor) -> None:
        rows = sequence if batch_first else sequence.transpose(0, 1)
        for token, take in reads.items():
            vectors = take(rows).float().cpu().numpy()
            # On a CPU this is a view, and would keep the whole sequence.
            batch.setdefault(token, []).append(np.array(vectors))

    def begin(*_: object) -> None:
        batch.clear()

    def end(*_: object) -> None:
        done.append(dict(batch))

    hooks = [tower.register_forward_pre_hook(begin), tower.register_forward_hook(end)]
    if blocks:
        hooks.append(blocks[0].register_forward_pre_hook(lambda _, given: read(given[0])))
    hooks += [block.register_forward_hook(lambda _, given, made: read(made)) for block in blocks]
    try:
        yield done
    finally:
        for hook in hooks:
            hook.remove()


def _joined(batches: Sequence[Batch]) -> dict[str, list[Vectors]]:
    tokens = batches[0] if batches else {}
    return {
        token: [np.concatenate(parts) for parts in zip(*(b[token] for b in batches), strict=True)]
        for token in tokens
    }

"""Text embeddings in CoCa's shared space.

The input is what the model was trained on: start token, words, end token, padded to the full
context. CoCa's class token comes after the padding, at the last position; a shorter input would
move it to a position that was trained for words, and dropping the end token changes every
embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # noqa: TID253
from numpy.typing import NDArray

from gap_assets.coca.model import Coca
from gap_assets.gpu import BatchSize


@dataclass(frozen=True, kw_only=True)
class TextEmbeddings:
    """Embeddings of n texts.

    Attributes:
        embeddings: (n, D) float32, rows of unit length.
        n_tokens: (n,) int64, tokens that the model read, start and end token included.
        truncated: (n,) bool, whether words were cut off at the context length.
    """

    embeddings: NDArray[np.float32]
    n_tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]


def embed_texts(coca: Coca, texts: Sequence[str], *, batch_size: int = 256) -> TextEmbeddings:
    """Embed texts, batched and padded; a text's embedding does not depend on its neighbours.

    Args:
        coca: From `load_coca`.
        texts: Any strings; a text longer than the model's context is cut and marked.
        batch_size: Texts per forward pass; halved for good when a GPU runs out of memory.

    Raises:
        FloatingPointError: The model left the range of fp16.
    """
    padding = coca.module.text.pad_id
    tokens = [word_ids(coca.tokenizer, text, padding=padding) for text in texts]
    kept = [[*ids[: coca.context_length - 1], coca.tokenizer.eot_token_id] for ids in tokens]
    padded = np.full((len(kept), coca.context_length), padding, dtype=np.int64)
    for row, ids in zip(padded, kept, strict=True):
        row[: len(ids)] = ids

    def encode(part: NDArray[np.int64]) -> NDArray[np.float32]:
        batch = torch.from_numpy(part).to(coca.device)
        return unit_vectors(coca.module.encode_text(batch, normalize=False))

    none = np.empty((0, coca.embed_dim), dtype=np.float32)
    size = BatchSize(batch_size, fits=coca.fits, kind="texts", free=coca.decoders.clear)
    return TextEmbeddings(
        embeddings=np.concatenate([none, *size.parts(padded, encode)]),
        n_tokens=np.array([len(ids) for ids in kept], dtype=np.int64),
        truncated=np.array([len(ids) + 1 > coca.context_length for ids in tokens], dtype=bool),
    )


def word_ids(tokenizer: Any, text: str, *, padding: int | None) -> list[int]:
    """Start token and words, without the ids that mean something else to the model.

    Spelled-out special tokens are no words.

    Args:
        tokenizer: open_clip's `SimpleTokenizer`.
        text: Any string.
        padding: The id that the model takes for padding, if it does. CoCa's 0 is also the token of
            a "!" that more punctuation follows; inside a text it would hide its neighbour from the
            attention.
    """
    special = {padding, *tokenizer.all_special_ids}
    return [tokenizer.sot_token_id, *(i for i in tokenizer.encode(text) if i not in special)]


def unit_vectors(latent: torch.Tensor) -> NDArray[np.float32]:
    """Normalise embeddings (n, D) in float32.

    Raises:
        FloatingPointError: Some are not finite, which happens in fp16 only.
    """
    rows = torch.nn.functional.normalize(latent.float(), dim=-1)
    if not bool(torch.isfinite(rows).all()):
        raise FloatingPointError(
            "The model left the range of fp16: some embeddings are not finite; "
            "use precision 'fp32'."
        )
    result: NDArray[np.float32] = rows.cpu().numpy()
    return result

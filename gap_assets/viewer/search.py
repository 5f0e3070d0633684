"""A sentence's embedding by the CoCa that a warehouse was made with."""

import threading
from typing import Any

import numpy as np

from gap_assets.parameters import CocaModel
from gap_assets.pipeline.models import resident_coca
from gap_assets.settings import Settings, default_fingerprints, default_parameters
from gap_assets.viewer.pairs_shown import Vectors
from gap_assets.warehouse.store import Warehouse

LONGEST = 1000  # characters; CoCa reads 76 tokens

_one_at_a_time = threading.Lock()


class OtherModelError(RuntimeError):
    """The folder's CoCa did not make the embeddings that are shown."""


class SentenceError(ValueError):
    """There is nothing to search by."""


def embed_sentence(settings: Settings, sentence: str) -> Vectors:
    """The unit vector (D,) of a sentence, on the CPU: a run may have the GPU.

    Raises:
        SentenceError: No words, or too many.
        OtherModelError: The stored embeddings are by another CoCa than the settings'.
        ModelNotFoundError: It is not on this machine and cannot be fetched.
    """
    from gap_assets.coca.text import embed_texts

    if not sentence.strip():
        raise SentenceError("Type a sentence to search by.")
    if len(sentence) > LONGEST:
        raise SentenceError(f"The sentence has more than {LONGEST:,} characters; shorten it.")
    _require_same_model(settings)
    chosen: Any = default_parameters(settings)
    coca: CocaModel = chosen["coca"]
    with _one_at_a_time:
        loaded = resident_coca(coca.model_copy(update={"device": "cpu", "precision": "auto"}))
        return np.asarray(embed_texts(loaded, [sentence.strip()]).embeddings[0])


def _require_same_model(settings: Settings) -> None:
    used = Warehouse(path=settings.warehouse).tuples(
        "SELECT DISTINCT settings FROM materializations WHERE asset = 'text_embeddings'"
    )
    if (default_fingerprints(settings)["text_embeddings"],) not in used:
        raise OtherModelError(
            "The stored embeddings were made by another CoCa than gap.toml names now; `gap run`"
            " makes them anew, or `gap config` shows what to set back."
        )

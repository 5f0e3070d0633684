"""Which loaded models stay in memory, and when they make room for another one.

A model stays for the life of the process, as the ranges of a run need the same ones in turn. It
goes before another is loaded where less than half of the memory is free: what the next one takes,
and what it takes while loading, is known only afterwards, and no two models of a profile differ by
more than that. How a model is loaded is its own package's work.
"""

import gc
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from gap_assets.encoders.choice import Encoders
from gap_assets.memory import gpu_memory, machine_memory
from gap_assets.parameters import CocaModel, SummarizerModel
from gap_assets.profiles import display_name

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca
    from gap_assets.encoders.encoder import Encoder
    from gap_assets.summaries.summarizer import Summarizer

log = logging.getLogger(__name__)

T = TypeVar("T")

_models: dict[Any, Any] = {}


def resident_coca(coca: CocaModel, *, weights: str | None = None) -> "Coca":
    """The chosen CoCa, loaded once per process.

    Args:
        coca: What was chosen.
        weights: Another tag than its own.
    """
    from gap_assets.coca.model import load_coca

    tag = weights or coca.weights
    return resident(
        (coca.model, tag, coca.precision, coca.device),
        lambda: load_coca(
            model=coca.model, weights=tag, device=coca.device, precision=coca.precision
        ),
        name=display_name(coca.model, tag),
        device=coca.device,
    )


def untrained_coca(coca: CocaModel, seed: int) -> "Coca":
    """The same architecture with random weights, for as long as the caller holds it."""
    from gap_assets.coca.model import load_coca

    return load_coca(
        model=coca.model, weights=None, device=coca.device, precision=coca.precision, seed=seed
    )


def resident_encoder(name: str, encoders: Encoders) -> "Encoder":
    """One of the chosen encoders, loaded once per process."""
    from gap_assets.encoders.loading import load_encoder

    return resident(
        # A folder may hold other weights by now.
        (name, encoders.fingerprints()[name], encoders.device, encoders.batch_size),
        lambda: load_encoder(
            name,
            device=encoders.device,
            precision=encoders.precision,
            batch_size=encoders.batch_size,
        ),
        name=name,
        device=encoders.device,
    )


def resident_summarizer(summarizer: SummarizerModel) -> "Summarizer":
    """The chosen language model, loaded once per process."""
    from gap_assets.summaries.summarizer import load_summarizer

    return resident(
        (summarizer.model, summarizer.revision, summarizer.device, summarizer.dtype),
        lambda: load_summarizer(
            model=summarizer.model,
            device=summarizer.device,
            dtype=summarizer.dtype,
            revision=summarizer.revision,
        ),
        name=display_name(summarizer.model, summarizer.revision),
        device=summarizer.device,
    )


def resident(key: Any, load: Callable[[], T], *, name: str, device: str) -> T:
    """A model, loaded unless it is there; others go before that if memory is short.

    Args:
        key: What tells it from others: all that it is loaded with.
        load: Loads it.
        name: What the log calls it.
        device: Where it will run, as in `gap_assets.gpu.compute_device`.
    """
    if key not in _models:
        if _models and memory_is_short(device):
            log.info("Less than half of the memory is free; other models make room.")
            drop_models()
        log.info("Loading %s …", name)
        started = time.monotonic()
        _models[key] = load()
        log.info("Loaded %s in %.0f s.", name, time.monotonic() - started)
    model: T = _models[key]
    return model


def drop_models() -> None:
    """Forgets all models; memory that nobody else holds is free afterwards."""
    _models.clear()
    gc.collect()  # Recorded CUDA graphs and their tensors refer to each other.


def memory_is_short(device: str) -> bool:
    """Whether less than half of the memory that a device's models are in is free.

    Where the system does not tell, it counts as short: a model that is loaded once more costs
    seconds, and one too many the run.
    """
    if device != "cpu" and _sees_a_gpu():
        memory = gpu_memory()
    else:
        found = machine_memory()
        if found is None:
            return True
        memory = found
    return memory.free < memory.total / 2


def _sees_a_gpu() -> bool:
    import torch

    return torch.cuda.is_available()

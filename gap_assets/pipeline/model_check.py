"""Whether the chosen models can run, asked before any video is decoded; and fetching them.

Belongs here: names, files, kinds, memory and disk, each failure as one sentence. Does not belong
here: loading (`models`), and how files are found (`coca.weights`, `summaries.files`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gap_assets.hub import ModelNotFoundError, cache_directory, free_space
from gap_assets.parameters import Captioning, CocaModel, SummarizerModel
from gap_assets.profiles import LOCAL, display_name, is_local

# Of a network's own size: room for activations and caches, by `benchmarks/memory.py`.
MEMORY_MARGIN = 1.2
HALF, FULL = 2, 4  # bytes of a parameter


class ModelsDoNotFitError(RuntimeError):
    """There is too little memory or disk for the chosen models; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """What is known of a model without loading it.

    Attributes:
        role: What it does in the graph.
        name: As it was chosen.
        option: The command line's option that chooses it.
        here: Whether its files are on this machine.
        bytes: The size of its files.
        memory: Bytes that it takes where it runs.
    """

    role: str
    name: str
    option: str
    here: bool
    bytes: int
    memory: int


def check_models(
    *, coca: CocaModel, captioning: Captioning, summarizer: SummarizerModel | None
) -> list[ModelStatus]:
    """Checks the names, files, kinds, memory and disk that the chosen models need.

    Args:
        coca: The embedding CoCa.
        captioning: May name other weights for captions.
        summarizer: The language model; None where no summaries are made.

    Returns:
        The models that a run would load, in the order of their first use.

    Raises:
        ModelNotFoundError: A model is not there, is damaged, or is of the wrong kind.
        ChecksumError: A folder is not what its SHA256SUMS says.
        ModelsDoNotFitError: There is too little memory or disk.
    """
    found = [_coca_status(coca, coca.weights, role="embeddings", option="--coca or --weights")]
    if captioning.weights not in (None, coca.weights):
        status = _coca_status(coca, captioning.weights, role="captions", option="--caption-weights")
        found.append(status)
    if summarizer is not None:
        found.append(_summarizer_status(summarizer))
    _require_disk(found)
    devices = [coca.device] * (len(found) - (summarizer is not None))
    devices += [summarizer.device] if summarizer is not None else []
    for model, device in zip(found, devices, strict=True):
        _require_memory(model, device)
    return found


def fetch_models(
    *, coca: CocaModel, captioning: Captioning, summarizer: SummarizerModel | None
) -> None:
    """Downloads what `check_models` did not find on this machine, with progress bars.

    Raises:
        ModelNotFoundError: A file does not arrive, or is not the model's.
        DiskFullError: The cache's disk is full.
    """
    from gap_assets.coca.weights import check_weights, fetch_weights

    if not is_local(coca.model):
        for weights in {coca.weights: None, captioning.weights or coca.weights: None}:
            check_weights(coca.model, fetch_weights(coca.model, weights))
    if summarizer is not None:
        from gap_assets.summaries.files import fetch_language_model

        fetch_language_model(summarizer.model, revision=summarizer.revision)


def download_bytes(models: Iterable[ModelStatus]) -> int:
    """How much a run would download."""
    return sum(model.bytes for model in models if not model.here)


def _coca_status(coca: CocaModel, weights: str | None, *, role: str, option: str) -> ModelStatus:
    from gap_assets.coca.model import check_folder
    from gap_assets.coca.weights import check_weights, folder_weights, locate_weights, read_weights

    path: Path | None
    if is_local(coca.model):
        folder = Path(coca.model.removeprefix(LOCAL))
        check_folder(folder)
        path = folder_weights(folder)
        size, name = path.stat().st_size, display_name(str(folder))
    else:
        found = locate_weights(coca.model, weights)
        path, size, name = found.path, found.bytes, display_name(coca.model, weights)
        if path:
            check_weights(coca.model, path)
    parameters = sum(t.numel() for t in read_weights(path).values()) if path else size // FULL
    full = coca.precision == "fp32" or (coca.precision == "auto" and not _on_gpu(coca.device))
    return ModelStatus(
        role=role,
        name=name,
        option=option,
        here=path is not None,
        bytes=size,
        memory=parameters * (FULL if full else HALF),
    )


def _summarizer_status(summarizer: SummarizerModel) -> ModelStatus:
    from gap_assets.summaries.files import count_parameters, locate_language_model

    found = locate_language_model(summarizer.model, revision=summarizer.revision)
    parameters = count_parameters(found.folder) if found.folder else found.bytes // FULL
    encoder_decoder = found.folder is not None and _require_language_model(
        found.folder, summarizer.model
    )
    full = summarizer.dtype == "fp32" or (
        summarizer.dtype == "auto"
        and not (_on_gpu(summarizer.device) and (_has_bf16() or not encoder_decoder))
    )
    return ModelStatus(
        role="summaries",
        name=display_name(summarizer.model, summarizer.revision),
        option="--summarizer",
        here=found.folder is not None,
        bytes=found.bytes,
        memory=parameters * (FULL if full else HALF),
    )


def _require_language_model(folder: Path, name: str) -> bool:
    """Refuses a model that writes no text, or whose code would come with its weights.

    Returns:
        Whether it is an encoder-decoder.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        AutoConfig,
    )

    try:
        kind = type(AutoConfig.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(
            f"transformers knows no model of the kind of {name}, and code that comes with a model"
            " is never run; choose another."
        ) from error
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
    ):
        raise ModelNotFoundError(
            f"{name} is no language model that writes text ({kind.__name__}); choose one such as"
            " google/flan-t5-base."
        )
    return kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING


def _require_disk(models: Iterable[ModelStatus]) -> None:
    needed = download_bytes(models)
    if needed and needed > (free := free_space()):
        raise ModelsDoNotFitError(
            f"The models to be downloaded take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are"
            f" free in {cache_directory()}; free some space, or set HF_HOME to another disk."
        )


def _require_memory(model: ModelStatus, device: str) -> None:
    from gap_assets.gpu import free_memory

    place = ("cuda" if device == "auto" else device) if _on_gpu(device) else "cpu"
    needed, free = model.memory * MEMORY_MARGIN, free_memory(place)
    if needed > free:
        where = "of the GPU's memory" if place != "cpu" else "of memory"
        raise ModelsDoNotFitError(
            f"{model.name} needs about {needed / 1e9:.1f} GB {where}, and {free / 1e9:.1f} GB are"
            f" free; close other programs, or choose a smaller model with {model.option}."
        )


def _has_bf16() -> bool:
    """A T4 has none: there encoder-decoders run in fp32 (see `summaries.summarizer`)."""
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _on_gpu(device: str) -> bool:
    import torch

    return device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())

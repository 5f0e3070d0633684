"""Whether the chosen models can run, asked before any video is decoded; and fetching them.

Belongs here: names, files, kinds, memory and disk, each failure as one sentence. Does not belong
here: loading (`models`), and how files are found (`checkpoints`, `summaries.files`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap_assets.encoders.choice import Encoders
from gap_assets.encoders.files import fetch_encoder, locate_encoder
from gap_assets.hub import ModelFiles, ModelNotFoundError, cache_directory, free_space
from gap_assets.parameters import Captioning, CocaModel, SummarizerModel
from gap_assets.profiles import LOCAL, display_name, is_local
from gap_assets.summaries.files import (
    count_parameters,
    fetch_language_model,
    locate_language_model,
)

# Of a network's own size: room for activations and caches, by `benchmarks/memory.py`.
MEMORY_MARGIN = 1.2
STORED = 4  # Bytes of a parameter in a file whose header is still on the hub.


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
        place: Where it runs: `cpu`, or a GPU as torch names it.
    """

    role: str
    name: str
    option: str
    here: bool
    bytes: int
    memory: int
    place: str


def check_models(
    *,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel | None,
    encoders: Encoders | None = None,
) -> list[ModelStatus]:
    """Checks the names, files, kinds, memory and disk that the chosen models need.

    Args:
        coca: The embedding CoCa.
        captioning: May name other weights for captions.
        summarizer: The language model; None where no summaries are made.
        encoders: The other encoders; None where none are run.

    Returns:
        The models that a run would load, in the order of their first use.

    Raises:
        ModelNotFoundError: A model is not there, is damaged, or is of the wrong kind.
        ChecksumError: A folder is not what its SHA256SUMS says.
        ModelsDoNotFitError: There is too little memory or disk.
    """
    # Finding a language model's files takes no torch, so a hub that is away is noticed at once.
    language_model = summarizer and locate_language_model(
        summarizer.model, revision=summarizer.revision
    )
    found = [_coca_status(coca, coca.weights, role="embeddings", option="--coca or --weights")]
    if captioning.weights not in (None, coca.weights):
        status = _coca_status(coca, captioning.weights, role="captions", option="--caption-weights")
        found.append(status)
    if summarizer and language_model:
        found.append(_summarizer_status(summarizer, language_model))
    if encoders:
        found += [_encoder_status(name, encoders) for name in encoders.names]
    _require_disk(found)
    for model in found:
        _require_memory(model)
    return found


def get_models(
    *,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel | None,
    encoders: Encoders | None = None,
    tell: Callable[[list[ModelStatus]], object],
) -> None:
    """Checks the chosen models, and downloads with progress bars what is not on this machine.

    Args:
        coca: See `check_models`.
        captioning: See there.
        summarizer: See there.
        encoders: See there.
        tell: Takes what was found, before anything is downloaded.

    Raises:
        ModelNotFoundError: See `check_models`; or a file does not arrive.
        ChecksumError: See there.
        ModelsDoNotFitError: See there.
        DiskFullError: The cache's disk is full.
    """
    chosen: dict[str, Any] = {"coca": coca, "captioning": captioning, "summarizer": summarizer}
    found = check_models(**chosen, encoders=encoders)
    tell(found)
    if download_bytes(found):
        _fetch(coca, captioning, summarizer)
        for name in encoders.names if encoders else ():
            fetch_encoder(name)
        # Now the files themselves, and the memory that they take.
        check_models(**chosen, encoders=encoders)


def _fetch(coca: CocaModel, captioning: Captioning, summarizer: SummarizerModel | None) -> None:
    from gap_assets.coca.weights import fetch_weights

    if not is_local(coca.model):
        for weights in {coca.weights: None, captioning.weights or coca.weights: None}:
            fetch_weights(coca.model, weights)
    if summarizer is not None:
        fetch_language_model(summarizer.model, revision=summarizer.revision)


def download_bytes(models: Iterable[ModelStatus]) -> int:
    """How much a run would download."""
    return sum(model.bytes for model in models if not model.here)


def _coca_status(coca: CocaModel, weights: str | None, *, role: str, option: str) -> ModelStatus:
    from gap_assets.checkpoints import check_folder, folder_weights, read_weights
    from gap_assets.coca.weights import check_weights, locate_weights
    from gap_assets.gpu import embedding_dtype

    tensors = None
    if is_local(coca.model):
        folder = Path(coca.model.removeprefix(LOCAL))
        check_folder(folder)
        path = folder_weights(folder)
        size, name = path.stat().st_size, display_name(str(folder))
        tensors = read_weights(path)
    else:
        found = locate_weights(coca.model, weights)
        size, name = found.bytes, display_name(coca.model, weights)
        if found.path:
            tensors = check_weights(coca.model, found.path)
    parameters = sum(t.numel() for t in tensors.values()) if tensors else size // STORED
    place = _place(coca.device)
    return ModelStatus(
        role=role,
        name=name,
        option=option,
        here=tensors is not None,
        bytes=size,
        memory=parameters * embedding_dtype(place, coca.precision).itemsize,
        place=place,
    )


def _encoder_status(name: str, encoders: Encoders) -> ModelStatus:
    from gap_assets.gpu import embedding_dtype

    found, place = locate_encoder(name), _place(encoders.device)
    size = embedding_dtype(place.partition(":")[0], encoders.precision).itemsize
    return ModelStatus(
        role="another encoder",
        name=name,
        option="--encoders",
        here=found.here,
        bytes=found.bytes,
        memory=found.bytes // STORED * size,
        place=place,
    )


def _summarizer_status(summarizer: SummarizerModel, found: ModelFiles) -> ModelStatus:
    parameters = count_parameters(found.folder) if found.folder else found.bytes // STORED
    encoder_decoder = found.folder is not None and _require_language_model(
        found.folder, summarizer.model
    )
    from gap_assets.summaries.summarizer import summarizer_dtype

    place = _place(summarizer.device)
    dtype = summarizer_dtype(place, summarizer.dtype, encoder_decoder=encoder_decoder)
    return ModelStatus(
        role="summaries",
        name=display_name(summarizer.model, summarizer.revision),
        option="--summarizer",
        here=found.folder is not None,
        bytes=found.bytes,
        memory=parameters * dtype.itemsize,
        place=place,
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


def _require_memory(model: ModelStatus) -> None:
    from gap_assets.gpu import free_memory

    needed, free = model.memory * MEMORY_MARGIN, free_memory(model.place)
    if needed > free:
        where = "of the GPU's memory" if model.place != "cpu" else "of memory"
        raise ModelsDoNotFitError(
            f"{model.name} needs about {needed / 1e9:.1f} GB {where}, and {free / 1e9:.1f} GB are"
            f" free; close other programs, or choose a smaller model with {model.option}."
        )


def _place(device: str) -> str:
    """Where `gap_assets.gpu.compute_device` would put a model; no GPU is leased for the answer."""
    import torch

    if device.startswith("cuda"):
        return device
    return "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"

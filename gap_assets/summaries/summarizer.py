"""Summaries by transformers: encoder-decoders (T5), chat models and base models (Phi-1.5) alike.

Loading a model, fitting captions into its context, batching, and what becomes of what it wrote.
The wording of the question is in `prompts`, the generation of a batch in `generation`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch  # noqa: TID253
from safetensors import SafetensorError
from transformers import (  # noqa: TID253
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)
from transformers.utils import logging  # noqa: TID253

from gap_assets.gpu import BatchSize, Fits, compute_device
from gap_assets.hub import ModelNotFoundError
from gap_assets.parameters import check_prompt
from gap_assets.summaries.answers import NOTHING, Summary, summary_of
from gap_assets.summaries.files import fetch_language_model
from gap_assets.summaries.generation import Written, generate
from gap_assets.summaries.prompts import DEFAULT_PROMPTS, Kind, kind_of, tokenize

Precision = Literal["auto", "fp32", "fp16", "bf16"]

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

# T5 has relative positions and no hard limit; it was trained on inputs of this many tokens.
T5_CONTEXT = 512


@dataclass(frozen=True, kw_only=True)
class Summarizer:
    """A loaded language model.

    Attributes:
        model: In evaluation mode, on its device.
        tokenizer: Of that model.
        kind: How it is asked; see `prompts.kind_of`.
        context: Tokens that the model can read; a decoder-only model's own words count too.
        prompt: The default for its kind of model.
        fits: What is known of how much a GPU's memory suffices for; see `gap_assets.gpu`.
    """

    model: Any
    tokenizer: Any
    kind: Kind
    context: int
    prompt: str
    fits: Fits = field(default_factory=dict)


def load_summarizer(
    *,
    model: str,
    device: str = "auto",
    dtype: Precision = "auto",
    revision: str | None = None,
) -> Summarizer:
    """Load a language model and its tokenizer; code that comes with a model is never run.

    Args:
        model: A folder (compared with its SHA256SUMS if it has one) or an id on the Hugging Face
            hub; what the local cache holds is not fetched again.
        device: See `gap_assets.gpu.compute_device`.
        dtype: `auto` is fp32 on a CPU and bf16 on a GPU. On a GPU without bf16 it is fp16, but
            fp32 for encoder-decoders, as T5 leaves the range of fp16.
        revision: Commit, tag or branch on the hub.

    Raises:
        ModelNotFoundError: There is no such model.
        ChecksumError: The folder is not what its SHA256SUMS says.
    """
    folder = fetch_language_model(model, revision=revision)
    try:
        return _load(str(folder), compute_device(device), dtype)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelNotFoundError(
            f"{folder} holds no language model that transformers can load; it needs config.json,"
            " model.safetensors and tokenizer.json."
        ) from error


def _load(model: str, device: str, dtype: Precision) -> Summarizer:
    source = {"local_files_only": True}
    logging.disable_progress_bar()  # Loading takes a moment; the asset has a bar of its own.
    logging.set_verbosity_error()  # Its advice on tokenizers and tied weights is for developers.
    config = AutoConfig.from_pretrained(model, **source)
    tokenizer = AutoTokenizer.from_pretrained(model, **source)
    encoder_decoder = bool(config.is_encoder_decoder)
    kind = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
    network = kind.from_pretrained(
        model,
        dtype=summarizer_dtype(device, dtype, encoder_decoder=encoder_decoder),
        use_safetensors=True,
        **source,
    )
    asked = kind_of(tokenizer, encoder_decoder=encoder_decoder)
    return Summarizer(
        model=network.to(device).eval(),
        tokenizer=tokenizer,
        kind=asked,
        context=min(
            tokenizer.model_max_length,
            getattr(config.get_text_config(), "max_position_embeddings", None) or T5_CONTEXT,
        ),
        prompt=DEFAULT_PROMPTS[asked],
    )


def summarizer_dtype(device: str, dtype: Precision, *, encoder_decoder: bool) -> torch.dtype:
    """The type of the parameters on a device; see `load_summarizer` for `auto`."""
    if dtype != "auto":
        return DTYPES[dtype]
    if not device.startswith("cuda"):
        return torch.float32
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32 if encoder_decoder else torch.float16


def summarize(
    summarizer: Summarizer,
    captions: Sequence[Sequence[str]],
    *,
    prompt: str | None = None,
    max_new_tokens: int = 60,
    repetition_penalty: float = 1.0,
    batch_tokens: int = 8192,
) -> list[Summary]:
    """Summarise videos, greedily and in batches.

    In fp32 the make-up of a batch does not change a summary. In half precision rounding may, where
    two words are nearly a tie: of 30 summaries bf16 changed 4 and fp16 1.

    Args:
        summarizer: From `load_summarizer`.
        captions: Per video, its captions in the order of time.
        prompt: With the field `{captions}` (see `prompts`); None for the model's default.
        max_new_tokens: Longest summary in tokens.
        repetition_penalty: Above 1 discourages tokens that the summary already has; those of the
            prompt are spared.
        batch_tokens: Tokens of a batch, padding and summary included; bounds the memory. A batch
            that a GPU has no memory for is halved, and so are those that follow.

    Returns:
        A summary per video, in the order of the input.

    Raises:
        ValueError: The prompt lacks its field, or leaves no room for a caption.
        FloatingPointError: The model left the range of fp16.
    """
    prompt = prompt or summarizer.prompt
    check_prompt(prompt)
    encoder_decoder = summarizer.kind == "encoder-decoder"
    room = summarizer.context - (0 if encoder_decoder else max_new_tokens)
    summaries = [NOTHING] * len(captions)
    inputs: dict[int, list[int]] = {}
    shown: dict[int, list[str]] = {}
    for video, lines in enumerate(captions):
        if lines:
            inputs[video], shown[video] = _fit(summarizer, prompt, lines, room)

    def write(videos: list[int]) -> list[Written]:
        return generate(
            summarizer.model,
            summarizer.tokenizer,
            [inputs[video] for video in videos],
            encoder_decoder=encoder_decoder,
            max_new_tokens=max_new_tokens,
            repetition_penalty=repetition_penalty,
        )

    def tokens(videos: list[int]) -> int:
        return len(videos) * (max(len(inputs[video]) for video in videos) + max_new_tokens)

    size = BatchSize(batch_tokens, fits=summarizer.fits, kind="summaries", weigh=tokens)
    for videos in _batches(inputs, max_new_tokens=max_new_tokens, batch_tokens=batch_tokens):
        written = chain.from_iterable(size.parts(videos, write))
        for video, answer in zip(videos, written, strict=True):
            summaries[video] = summary_of(
                answer, prompt, shown[video], truncated=len(shown[video]) < len(captions[video])
            )
    return summaries


def _fit(
    summarizer: Summarizer, prompt: str, lines: Sequence[str], room: int
) -> tuple[list[int], list[str]]:
    """Tokenise the prompt with as many evenly spread captions, first and last included, as fit."""
    count = len(lines)
    while True:
        kept = [lines[i] for i in np.linspace(0, len(lines) - 1, count).round().astype(int)]
        ids = tokenize(summarizer.tokenizer, prompt, kept, kind=summarizer.kind)
        if len(ids) <= room:
            return ids, kept
        if count == 1:
            raise ValueError(
                f"A prompt of {len(ids)} tokens with one caption does not fit the model's "
                f"{room} tokens; shorten the prompt or the summary length."
            )
        count = max(1, min(count - 1, count * room // len(ids)))


def _batches(
    inputs: dict[int, list[int]], *, max_new_tokens: int, batch_tokens: int
) -> Iterator[list[int]]:
    """Group videos of similar length; the same inputs give the same groups."""
    batch: list[int] = []
    for video in sorted(inputs, key=lambda video: (-len(inputs[video]), video)):
        longest = len(inputs[batch[0] if batch else video]) + max_new_tokens
        if batch and (len(batch) + 1) * longest > batch_tokens:
            yield batch
            batch = []
        batch.append(video)
    if batch:
        yield batch

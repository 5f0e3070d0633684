"""Greedy generation of a batch by transformers: padding, penalty, where a text may stop.

Token ids go in and texts come out as the model wrote them. What is asked is in `prompts`, what of
a text is kept in `cleaning`.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253
from transformers import (  # noqa: TID253
    LogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    StoppingCriteria,
)

from gap_assets.summaries.cleaning import is_complete


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a model wrote.

    Attributes:
        text: Without special tokens, otherwise as it came.
        ended: Whether the model ended it, or its first line, itself; else the limit did.
    """

    text: str
    ended: bool


class _FiniteLogits(LogitsProcessor):  # type: ignore[misc]
    """Stops where the model left the range of its numbers: an argmax of NaN is just some word."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # Some models mask words by -inf, so the largest has to be finite, not all. It is NaN if
        # any is.
        if not bool(torch.isfinite(scores.amax(dim=-1)).all()):
            raise FloatingPointError(
                "The language model left the range of its precision: some logits are not finite; "
                "use dtype 'bf16' or 'fp32'."
            )
        return scores


class _WholeLine(StoppingCriteria):  # type: ignore[misc]
    """Stops a row once its first line that says something is complete.

    A plain stop at a line break would leave nothing of a text that begins with one, or with a
    preamble on a line of its own.
    """

    def __init__(self, tokenizer: Any, *, first: int) -> None:
        self.tokenizer = tokenizer
        self.first = first

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        done = [self._is_done(row) for row in input_ids[:, self.first :].tolist()]
        return torch.tensor(done, device=input_ids.device)

    def _is_done(self, row: list[int]) -> bool:
        if "\n" not in self.tokenizer.decode(row[-1:]):
            return False
        return is_complete(self.tokenizer.decode(row, skip_special_tokens=True))


def generate(
    model: Any,
    tokenizer: Any,
    inputs: Sequence[Sequence[int]],
    *,
    encoder_decoder: bool,
    max_new_tokens: int,
    repetition_penalty: float,
) -> list[Written]:
    """Continue, or answer, a batch of token ids.

    Args:
        model: In evaluation mode.
        tokenizer: Of that model.
        inputs: n rows of token ids, of any lengths.
        encoder_decoder: Whether a separate decoder writes; then padding is on the right.
        max_new_tokens: Longest text in tokens.
        repetition_penalty: Divides the positive logits of tokens that the model has written, and
            multiplies negative ones (arXiv 1909.05858). The prompt's tokens are spared: there it
            would forbid the very words of the captions.

    Returns:
        A text per row.

    Raises:
        FloatingPointError: The logits are not finite, which happens in fp16.
    """
    longest = max(map(len, inputs))
    padding = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    ids = torch.full((len(inputs), longest), padding)
    mask = torch.zeros_like(ids)
    for row, given in enumerate(inputs):
        place = slice(len(given)) if encoder_decoder else slice(longest - len(given), longest)
        ids[row, place] = torch.tensor(given)
        mask[row, place] = 1
    first = 1 if encoder_decoder else longest  # A decoder begins with a token of its own.
    processors: list[LogitsProcessor] = [_FiniteLogits()]
    if repetition_penalty != 1:
        processors.append(
            RepetitionPenaltyLogitsProcessor(repetition_penalty, prompt_ignore_length=first)
        )
    ends = set(_ends(model, tokenizer))
    config = copy.deepcopy(model.generation_config)
    config.update(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        max_length=None,
        min_new_tokens=None,
        pad_token_id=padding,
        eos_token_id=sorted(ends) or None,
        # A model's own settings for sampling and repetition do not count.
        repetition_penalty=1.0,
        temperature=None,
        top_p=None,
        top_k=None,
    )
    written = model.generate(
        ids.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=config,
        logits_processor=processors,
        stopping_criteria=[] if encoder_decoder else [_WholeLine(tokenizer, first=first)],
    )
    rows = written[:, first:].tolist()
    texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
    return [
        Written(text=text, ended=not ends.isdisjoint(row) or is_complete(text))
        for row, text in zip(rows, texts, strict=True)
    ]


def _ends(model: Any, tokenizer: Any) -> list[int]:
    """The tokens that end a text: the model's, and the tokenizer's, which ends a chat's turn."""
    of_model = model.generation_config.eos_token_id
    of_model = of_model if isinstance(of_model, list) else [of_model]
    return sorted({token for token in (*of_model, tokenizer.eos_token_id) if token is not None})

"""Which token comes next: greedy, sampled, and beam search, on tensors of fixed shape.

Every step updates a `Search` in place and without asking the host, so that a step can be recorded
as a CUDA graph. The network that yields the logits is not known here.

Beam search follows the `BeamSearchScorer` of transformers 4.x (`early_stopping=False`): of the 2K
best continuations of an image those among the first K that end are finished hypotheses, the first
K that do not end go on; the search of an image is over when its K finished hypotheses rank above
what the best continuation could reach at the current length.
"""

from dataclasses import dataclass, fields

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253

from gap_assets.coca.settings import DecodeSettings


@dataclass(frozen=True, kw_only=True)
class Search:
    """The hypotheses of B images, K each, over T steps.

    Attributes:
        step: () int64, steps done.
        tokens: (B, K, T + 1) int64, start token first, padded with 0.
        origin: (B, K, T) int64, see `network.next_logits`.
        score: (B, K) float32, what the search ranks by, before the length penalty.
        logprob: (B, K) float32, sum of the tokens' log-probabilities.
        length: (B, K) int64, tokens generated, an end token included.
        done: (B,) bool.
        best_score: (B, K) float32, finished hypotheses: score with length penalty, or -inf.
        best_tokens: (B, K, T + 1) int64 of the finished hypotheses.
        best_logprob: (B, K) float32.
        best_length: (B, K) int64, the end token included.
    """

    step: Tensor
    tokens: Tensor
    origin: Tensor
    score: Tensor
    logprob: Tensor
    length: Tensor
    done: Tensor
    best_score: Tensor
    best_tokens: Tensor
    best_logprob: Tensor
    best_length: Tensor


@dataclass(frozen=True, kw_only=True)
class DecodedCaption:
    """Token ids without start and end token, and the mean log-probability per token in nats."""

    tokens: list[int]
    logprob: float


def new_search(*, batch: int, beams: int, steps: int, device: torch.device) -> Search:
    """Make room for a search; `begin` sets it to its start."""
    ids = torch.zeros(batch, beams, steps + 1, dtype=torch.int64, device=device)
    number = torch.zeros(batch, beams, device=device)
    return Search(
        step=ids.new_zeros(()),
        tokens=ids,
        origin=ids[..., 1:].clone(),
        score=number,
        logprob=number.clone(),
        length=ids[..., 0].clone(),
        done=torch.zeros(batch, dtype=torch.bool, device=device),
        best_score=number.clone(),
        best_tokens=ids.clone(),
        best_logprob=number.clone(),
        best_length=ids[..., 0].clone(),
    )


def begin(search: Search, *, start: int) -> None:
    """Set every image to hypotheses that hold the start token alone."""
    for field in fields(search):
        getattr(search, field.name).zero_()
    search.tokens[..., 0] = start
    # All slots are alike at first, so only slot 0 may be continued.
    search.score[:, 1:] = -1e9
    search.best_score.fill_(float("-inf"))
    search.origin.copy_(torch.arange(search.origin.shape[1], device=search.origin.device)[:, None])


def advance(
    search: Search, logits: Tensor, *, end: int, settings: DecodeSettings, uniform: Tensor
) -> None:
    """Append one token to every hypothesis.

    Args:
        search: Updated in place.
        logits: (B, K, V) float32.
        end: Id of the end token.
        settings: Mode, penalty and lengths.
        uniform: (B, T) float32 in [0, 1), the random numbers of the mode `sample`.
    """
    logprobs = logits.log_softmax(-1)
    ranked = (logprobs if settings.mode == "beam" else logits).clone()
    ranked[..., end].masked_fill_(search.step + 1 < settings.min_tokens, float("-inf"))
    if settings.mode in ("beam", "compat"):
        _advance_beams(search, ranked, logprobs, end=end, penalty=settings.length_penalty)
    elif settings.mode == "sample":
        distribution = (ranked / settings.temperature).softmax(-1).cumsum(-1)
        drawn = uniform.index_select(1, search.step.view(1))[:, None] * distribution[..., -1:]
        token = torch.searchsorted(distribution, drawn, right=True).squeeze(-1)
        _append(search, token.clamp(max=logits.shape[-1] - 1), logprobs, end=end)
    else:
        _append(search, ranked.argmax(-1), logprobs, end=end)
    search.step.add_(1)


def _append(search: Search, token: Tensor, logprobs: Tensor, *, end: int) -> None:
    running = ~search.done[:, None]
    search.logprob.add_(logprobs.gather(-1, token[..., None]).squeeze(-1) * running)
    search.length.add_(running)
    search.tokens.index_copy_(2, search.step.view(1) + 1, (token * running)[..., None])
    search.done.logical_or_(token[:, 0] == end)


def _advance_beams(
    search: Search, ranked: Tensor, logprobs: Tensor, *, end: int, penalty: float
) -> None:
    beams, vocabulary = ranked.shape[1:]
    continuations = min(2 * beams, vocabulary)
    # Top-k per hypothesis, then over the few that remain, spares a pass over K * V sums.
    gain, token = ranked.topk(continuations, dim=-1)
    score = (search.score[..., None] + gain).flatten(1)
    logprob = (search.logprob[..., None] + logprobs.gather(-1, token)).flatten(1)
    score, chosen = score.topk(2 * beams, dim=-1)
    parent = chosen // continuations
    token, logprob = token.flatten(1).gather(1, chosen), logprob.gather(1, chosen)
    ended = token == end
    words = _rows(search.tokens, parent)

    # Lengths in the ranking count the start and the end token.
    ranking = score / (search.step + 2).float().pow(penalty)
    finishes = (ended & ~search.done[:, None])[:, :beams]
    _keep_best(
        search,
        score=ranking[:, :beams].masked_fill(~finishes, float("-inf")),
        tokens=words[:, :beams].index_fill(2, search.step.view(1) + 1, end),
        logprob=logprob[:, :beams],
        length=(search.step + 1).expand_as(search.best_length),
    )
    search.done.logical_or_(search.best_score.amin(-1) >= ranking[:, 0])

    going_on = ended.long().argsort(dim=-1, stable=True)[:, :beams]
    parent = parent.gather(1, going_on)
    search.score.copy_(score.gather(1, going_on))
    search.logprob.copy_(logprob.gather(1, going_on))
    search.length.add_(1)
    search.tokens.copy_(_rows(words, going_on))
    search.tokens.index_copy_(2, search.step.view(1) + 1, token.gather(1, going_on)[..., None])
    # Later steps are each slot's own; only the past is inherited.
    past = torch.arange(search.origin.shape[-1], device=ranked.device) <= search.step
    search.origin.copy_(torch.where(past, _rows(search.origin, parent), search.origin))


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """Pick hypotheses (B, K') of values (B, K, N)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))


def _keep_best(
    search: Search, *, score: Tensor, tokens: Tensor, logprob: Tensor, length: Tensor
) -> None:
    """Keep the K best of the finished hypotheses and K new ones."""
    best, chosen = torch.cat([search.best_score, score], 1).topk(score.shape[1], dim=-1)
    search.best_tokens.copy_(_rows(torch.cat([search.best_tokens, tokens], 1), chosen))
    search.best_logprob.copy_(torch.cat([search.best_logprob, logprob], 1).gather(1, chosen))
    search.best_length.copy_(torch.cat([search.best_length, length], 1).gather(1, chosen))
    search.best_score.copy_(best)


def captions(search: Search, *, end: int, settings: DecodeSettings) -> list[DecodedCaption]:
    """Read the best hypothesis of each image; open beams compete with the finished ones."""
    if settings.mode in ("beam", "compat"):
        length = (search.length + 1).float().pow(settings.length_penalty)
        _keep_best(
            search,
            score=(search.score / length).masked_fill(search.done[:, None], float("-inf")),
            tokens=search.tokens,
            logprob=search.logprob,
            length=search.length,
        )
        tokens, logprob, count = search.best_tokens, search.best_logprob, search.best_length
    else:
        tokens, logprob, count = search.tokens, search.logprob, search.length
    mean = (logprob[:, 0] / count[:, 0]).tolist()
    rows = zip(tokens[:, 0, 1:].tolist(), count[:, 0].tolist(), mean, strict=True)
    return [
        DecodedCaption(tokens=[t for t in ids[:n] if t != end], logprob=value)
        for ids, n, value in rows
    ]

"""Plain, uncached decoding through open_clip's own forward pass: what the engine must reproduce.

One image at a time, the whole prefix at every step, Python lists for the hypotheses.
"""

from typing import Any

import torch
from open_clip.coca_model import CoCa


def tiny_coca(
    seed: int, *, vocabulary: int = 40, attentional_pool: bool = True, context: int = 14
) -> tuple[CoCa, dict[str, Any]]:
    """A small CoCa with random weights, under which captions differ and many end; its config."""
    text = {"context_length": context, "vocab_size": vocabulary, "width": 32, "layers": 2}
    config = {
        "embed_dim": 32,
        "multimodal_cfg": {**text, "heads": 2},
        "text_cfg": {**text, "heads": 4, "embed_cls": True, "output_tokens": True},
        "vision_cfg": {
            "image_size": 32,
            "patch_size": 8,
            "width": 32,
            "head_width": 16,
            "layers": 2,
            "attentional_pool": attentional_pool,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = CoCa(**config)
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=1.0 if "embedding" in name else 0.4)
        torch.nn.init.normal_(module.text.cls_emb)
        module.text_decoder.text_projection.data[:, -1] *= 2  # the end token's logit varies more
    return module.eval(), config


class Prefixes:
    """The logits after prefixes of token ids for one image (3, H, W), by the whole forward pass."""

    @torch.no_grad()
    def __init__(self, module: CoCa, image: torch.Tensor) -> None:
        self.module = module
        self.latent, self.tokens = module._encode_image(image[None])

    @torch.no_grad()
    def logits(self, prefixes: list[list[int]]) -> torch.Tensor:
        """(n, V) for n prefixes of the same length."""
        output = self.module(
            None,
            torch.tensor(prefixes),
            image_latent=self.latent,
            image_embs=self.tokens.expand(len(prefixes), -1, -1),
            output_labels=False,
        )
        return output["logits"][:, -1].float()


def greedy(
    module: CoCa, image: torch.Tensor, *, start: int, end: int, max_tokens: int, min_tokens: int
) -> tuple[list[int], float]:
    prefixes, tokens, total = Prefixes(module, image), [start], 0.0
    for step in range(max_tokens - 1):
        logits = prefixes.logits([tokens])[0]
        allowed = logits.clone()
        if step + 1 < min_tokens:
            allowed[end] = float("-inf")
        token = int(allowed.argmax())
        total += float(logits.log_softmax(-1)[token])
        tokens.append(token)
        if token == end:
            break
    return [t for t in tokens[1:] if t != end], total / (len(tokens) - 1)


def beam(
    module: CoCa,
    image: torch.Tensor,
    *,
    start: int,
    end: int,
    beams: int,
    max_tokens: int,
    min_tokens: int,
    length_penalty: float,
    raw_logits: bool,
) -> tuple[list[int], float]:
    """Beam search as transformers' BeamSearchScorer does it, with `early_stopping=False`."""
    prefixes = Prefixes(module, image)
    running = [(0.0, 0.0, [start])]  # score, sum of log-probabilities, tokens
    finished: list[tuple[float, float, list[int]]] = []  # ranking, log-probability, tokens
    done = False
    for step in range(max_tokens - 1):
        logits = prefixes.logits([tokens for _, _, tokens in running])
        logprobs = logits.log_softmax(-1)
        gains = (logits if raw_logits else logprobs).clone()
        if step + 1 < min_tokens:
            gains[:, end] = float("-inf")
        continuations = sorted(
            (
                (score + gain, total + float(logprobs[i, token]), [*tokens, token])
                for i, (score, total, tokens) in enumerate(running)
                for token, gain in enumerate(gains[i].tolist())
            ),
            key=lambda item: -item[0],
        )[: 2 * beams]
        running = []
        length = (step + 2) ** length_penalty
        for rank, (score, total, tokens) in enumerate(continuations):
            if tokens[-1] != end:
                running.append((score, total, tokens))
            elif rank < beams:
                finished.append((score / length, total / (step + 1), tokens))
                finished = sorted(finished, key=lambda item: -item[0])[:beams]
            if len(running) == beams:
                break
        done = len(finished) == beams and finished[-1][0] >= continuations[0][0] / length
        if done:
            break
    if not done:
        length = max_tokens**length_penalty
        finished += [
            (score / length, total / (max_tokens - 1), ids) for score, total, ids in running
        ]
    _, mean, tokens = max(finished, key=lambda item: item[0])
    return [t for t in tokens[1:] if t != end], mean

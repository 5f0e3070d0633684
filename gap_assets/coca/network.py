"""The cached forward pass: next-token logits of open_clip's CoCa, one step at a time.

The arithmetic of `CoCa.forward` for the last position only, with keys and values kept: image
tokens are projected once per image, each new token is projected once per layer. Which token comes
next is not decided here (see `search`).

Shapes: B images, K hypotheses (beams) per image, T steps, S image tokens, H heads of width d,
V vocabulary. The hypotheses of an image lie on the query axis of every attention, so image keys
are shared by them and never replicated. A hypothesis that forks does not copy its keys either:
`origin` says which of the K slots wrote the key that it sees at each step.
"""

from dataclasses import dataclass

import torch  # noqa: TID253
from open_clip.coca_model import CoCa as CocaModule  # noqa: TID253
from open_clip.transformer import ResidualAttentionBlock  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253


@dataclass(frozen=True, kw_only=True)
class KeyValueCache:
    """Keys and values of one batch.

    Attributes:
        own: Per self-attention layer, text tower first: (2, B, H, T * K, d), step-major.
        image: Per cross-attention layer: (2, B, H, S, d).
        ids: arange(max(T, K)), a constant.
    """

    own: list[Tensor]
    image: list[Tensor]
    ids: Tensor


def check_supported(module: CocaModule) -> None:
    """Refuse a CoCa whose text tower the cached pass does not reproduce.

    Raises:
        ValueError: The text tower is another library's, not causal, or has no class token.
    """
    text = module.text
    blocks = getattr(getattr(text, "transformer", None), "resblocks", None)
    if (
        blocks is None
        or text.attn_mask is None
        or text.cls_emb is None
        or not all(isinstance(block.attn, nn.MultiheadAttention) for block in blocks)
    ):
        raise ValueError(
            "This CoCa's text tower is not open_clip's causal transformer with a class token; "
            "choose coca_ViT-L-14, coca_ViT-B-32, coca_base or a model of that kind."
        )


def allocate(module: CocaModule, *, image_tokens: Tensor, beams: int, steps: int) -> KeyValueCache:
    """Make room for a batch of image tokens (B, S, C) and `steps` steps of `beams` hypotheses."""
    batch, length, _ = image_tokens.shape
    decoder = module.text_decoder

    def room(block: ResidualAttentionBlock, keys: int) -> Tensor:
        heads, width = block.attn.num_heads, block.attn.head_dim
        return image_tokens.new_zeros(2, batch, heads, keys, width)

    return KeyValueCache(
        own=[
            room(block, steps * beams)
            for block in [*module.text.transformer.resblocks, *decoder.resblocks]
        ],
        image=[room(block, length) for block in decoder.cross_attn],
        ids=torch.arange(max(steps, beams), device=image_tokens.device),
    )


def read_images(module: CocaModule, cache: KeyValueCache, image_tokens: Tensor) -> None:
    """Project image tokens (B, S, C) to the keys and values of every cross-attention layer."""
    for block, keys_values in zip(module.text_decoder.cross_attn, cache.image, strict=True):
        width = image_tokens.shape[-1]
        projected = F.linear(
            block.ln_1_kv(image_tokens),
            block.attn.in_proj_weight[width:],
            block.attn.in_proj_bias[width:],
        )
        heads = projected.view(*image_tokens.shape[:2], 2, block.attn.num_heads, -1)
        keys_values.copy_(heads.permute(2, 0, 3, 1, 4))


def next_logits(
    module: CocaModule, cache: KeyValueCache, *, tokens: Tensor, origin: Tensor, step: Tensor
) -> Tensor:
    """Run the tokens at position `step` through the model.

    Args:
        module: open_clip's CoCa.
        cache: Its rows for this step are written, those of later steps are not seen.
        tokens: (B, K, T + 1) token ids, the start token first.
        origin: (B, K, T) slot that wrote the key which a hypothesis sees at each step.
        step: () int64, on the device, so that the pass can be recorded once and replayed.

    Returns:
        (B, K, V) float32 logits of the next token.
    """
    text, decoder = module.text, module.text_decoder
    batch, beams, steps = origin.shape
    slots = step * beams + cache.ids[:beams]
    history = origin.unsqueeze(-1) == cache.ids[:beams]  # (B, K, T, K): whose key is mine
    seen = history & (cache.ids[:steps] <= step).view(1, 1, steps, 1)
    # open_clip hides the key after a padding token from the text tower (released weights were
    # trained so), or the padding token's own key where `correct_cls_mask` is set.
    valid = tokens != text.pad_id
    if not text.correct_cls_mask:
        valid = torch.cat([torch.ones_like(valid[..., :1]), valid], -1)
    text_seen = seen & valid[..., :steps].unsqueeze(-1)

    def as_bias(mask: Tensor) -> Tensor:
        bias = torch.zeros(mask.shape, dtype=cache.own[0].dtype, device=mask.device)
        return bias.masked_fill_(~mask, float("-inf")).view(batch, 1, beams, steps * beams)

    position = step.view(1)
    x = text.token_embedding(tokens.index_select(2, position).squeeze(2))
    x = x + text.positional_embedding.index_select(0, position)
    own = iter(cache.own)
    bias = as_bias(text_seen)
    for block in text.transformer.resblocks:
        x = _self_block(block, x, next(own), slots, bias)
    bias = as_bias(seen)
    for block, cross, image in zip(decoder.resblocks, decoder.cross_attn, cache.image, strict=True):
        x = _self_block(block, x, next(own), slots, bias)
        width = x.shape[-1]
        query = F.linear(
            cross.ln_1(x), cross.attn.in_proj_weight[:width], cross.attn.in_proj_bias[:width]
        )
        x = _residual(cross, x, _heads(query, cross), image, None)
    logits: Tensor = decoder.ln_final(x) @ decoder.text_projection
    return logits.float()


def _heads(projected: Tensor, block: ResidualAttentionBlock) -> Tensor:
    """(B, K, C) to (B, H, K, d)."""
    heads = projected.reshape(*projected.shape[:2], block.attn.num_heads, -1)
    return heads.transpose(1, 2)


def _self_block(
    block: ResidualAttentionBlock, x: Tensor, cache: Tensor, slots: Tensor, bias: Tensor
) -> Tensor:
    query, key, value = F.linear(
        block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias
    ).chunk(3, dim=-1)
    cache[0].index_copy_(2, slots, _heads(key, block))
    cache[1].index_copy_(2, slots, _heads(value, block))
    return _residual(block, x, _heads(query, block), cache, bias)


def _residual(
    block: ResidualAttentionBlock,
    x: Tensor,
    query: Tensor,
    keys_values: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """Attention and feed-forward part of a block, its projections of `x` already made."""
    attended = F.scaled_dot_product_attention(query, keys_values[0], keys_values[1], attn_mask=bias)
    x = x + block.ls_1(block.attn.out_proj(attended.transpose(1, 2).flatten(2)))
    out: Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return out

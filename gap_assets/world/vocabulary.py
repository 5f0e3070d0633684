"""The vocabularies of the embedded models: CLIP's merges, pruned, and whole words for the T5."""

import gzip
from itertools import pairwise
from pathlib import Path

from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS

# fmt: off
ACTION_WORDS = [
    "stays", "moves", "goes", "swings", "rises", "falls", "jumps", "dips", "bounces", "grows",
    "shrinks", "spins", "turns", "enters", "leaves", "stay", "meet", "part", "collide", "swap",
    "move",
]
OTHER_WORDS = [
    "a", "an", "empty", "view", "big", "tilted", "touching", "at", "the", "top", "bottom", "left",
    "middle", "right", "and", "to", "back", "then", "beside", "over",
]
# fmt: on


def world_words() -> list[str]:
    """Every word that a caption or a summary can contain."""
    drawn = {*COLOURS, *KINDS, *(word for ground in BACKGROUNDS for word in ground.split())}
    return sorted({*drawn, *ACTION_WORDS, *OTHER_WORDS})


def write_pruned_bpe(words: list[str], path: Path) -> None:
    """Write the merges of CLIP's vocabulary that these words need, in CLIP's order.

    Byte alphabet, special tokens and the pieces of every word stay as in CLIP; any other text still
    encodes, as bytes. The file has no final line break, which would count as an empty merge.
    """
    from open_clip.tokenizer import SimpleTokenizer

    ranks = SimpleTokenizer().bpe_ranks
    needed: set[tuple[str, str]] = set()
    for word in words:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while pairs := [p for p in pairwise(pieces) if p in ranks]:
            best = min(pairs, key=ranks.__getitem__)
            needed.add(best)
            merged: list[str] = []
            for piece in pieces:
                if merged and (merged[-1], piece) == best:
                    merged[-1] += piece
                else:
                    merged.append(piece)
            pieces = merged
    lines = ["#version: 0.2", *(" ".join(pair) for pair in sorted(needed, key=ranks.__getitem__))]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def write_word_tokenizer(words: list[str], folder: Path) -> None:
    """Save a tokenizer of whole words (and the full stop between captions) for AutoTokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    specials = ["<pad>", "</s>", "<unk>"]
    vocabulary = {word: k for k, word in enumerate([*specials, ".", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", vocabulary["</s>"])]
    )
    pad, end, unknown = specials
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=end,
        unk_token=unknown,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)

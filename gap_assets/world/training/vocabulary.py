"""The vocabularies of the embedded models: CLIP's merges, pruned, and whole words for the T5."""

import gzip
from itertools import pairwise, product
from pathlib import Path

from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS, ROWS
from gap_assets.world.stories import INSIDE

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


def write_phrase_tokenizer(folder: Path) -> None:
    """Save a tokenizer of phrases and words, such as `a red box` and `at the top left`.

    To copy a phrase is then one step for a small model, and its sequences are a third as long.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    colours, kinds = "|".join(COLOURS), "|".join(KINDS)
    known = {  # phrases by the pattern that finds them
        f"a (?:big )?(?:tilted )?(?:{colours}) (?:{kinds})": [
            f"a {size}{tilt}{colour} {kind}"
            for size, tilt, colour, kind in product(("", "big "), ("", "tilted "), COLOURS, KINDS)
        ],
        "at the (?:top|bottom) (?:left|middle|right)": [
            f"at the {row} {column}" for row, column in product(ROWS, INSIDE)
        ],
        "to the (?:left|middle|right)": [f"to the {column}" for column in INSIDE],
        "|".join(BACKGROUNDS): list(BACKGROUNDS),
    }
    pad, end, unknown = specials = ["<pad>", "</s>", "<unk>"]
    phrases = [phrase for texts in known.values() for phrase in texts]
    vocabulary = {text: k for k, text in enumerate([*specials, ".", *phrases, *world_words()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    pattern = "|".join(rf"\b(?:{found})\b" for found in known)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(rf"{pattern}|\S+"), "removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, vocabulary[end])]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=end,
        unk_token=unknown,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)

"""Texts that leave things out, as the captions of people do.

A picture of the world is told wholly by its caption. No photograph is: Schrodi et al.
(arXiv 2404.07983) call that information imbalance and name it as a cause of the modality gap. What
is left out here is what the two modalities share less of in training.
"""

import re

import numpy as np

from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS, ROWS

_COLOUR, _KIND = "|".join(COLOURS), "|".join(KINDS)
_PLACE = rf" at the (?:{'|'.join(ROWS)}) (?:left|middle|right)"
_NOUN = rf"a (?:big )?(?:tilted )?(?:{_COLOUR}) (?:{_KIND})"
_BACKGROUND = rf" (?:{'|'.join(BACKGROUNDS)})$"
# A detail ends a text, is a word before a noun, or is a whole second figure with its place.
_DETAILS = [
    re.compile(rf" (?:beside|touching) {_NOUN}(?:{_PLACE})?(?= |$)"),
    re.compile(rf" and {_NOUN}{_PLACE}(?={_BACKGROUND})"),
    re.compile(r" then .*?(?= beside |" + _BACKGROUND + ")"),
    re.compile(_BACKGROUND),
    re.compile(_PLACE),
    re.compile(r"(?<=a )big "),
    re.compile(r"(?<=a )tilted |(?<=big )tilted "),
    re.compile(rf"(?:(?<=a )|(?<=big )|(?<=tilted ))(?:{_COLOUR}) (?=(?:{_KIND})\b)"),
]


def leave_out(text: str, *, probability: float, rng: np.random.Generator) -> str:
    """A caption or summary of the world without some of its details.

    Each of these goes with the given probability, on its own: the second figure, what happens
    second, the ground, each place, size, tilt and colour. What is left says nothing wrong.

    Args:
        text: By the grammar of `gap_assets.world.language` or a summary of `stories`.
        probability: Of leaving out one detail: 0 keeps the text, 1 leaves kinds and verbs.
        rng: Decides.
    """
    for detail in _DETAILS:
        text = detail.sub(lambda m: "" if rng.random() < probability else m.group(), text)
    return text

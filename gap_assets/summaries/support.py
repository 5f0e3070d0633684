"""Whether the captions support a summary, by their words.

A content word is a run of letters or digits that is no function word (articles, pronouns,
prepositions, auxiliaries, and the words that speak of the video instead of what is in it), reduced
to a stem by a few endings. This is a count of words, not an understanding: "lifts a barbell" and
"drops a barbell" differ by one word, and a right inference ("exercises") counts as unsupported.
"""

import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

_FUNCTION_WORDS = """
    a an the this that these those some any each every both all another other others such same own
    i me my we us our you your he him his she her hers it its they them their who whom whose which
    what there here one ones someone something himself herself itself themselves
    and or but nor so yet if then than as while when where after before until once because though
    of in on at by for from with without into onto to out off up down over under again about around
    along across through between among during near behind beside against toward towards upon
    is are was were be been being am do does did doing done have has had having can could will would
    shall should may might must not no
    very too also just only more most much many several still now
    video videos scene scenes clip clips film frame frames footage caption captions summary
    show shows showing shown see seen depict depicts depicted
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_IRREGULAR = {"men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth"}

# An invented summary has more than this share of its content words from nowhere.
MOSTLY = 0.5


def stem(word: str) -> str:
    """A word without the endings of plural and verb forms; equal for "bakes", "baked", "baking"."""
    word = re.sub(r"['’]s?\Z", "", word.casefold())
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    for ending, shortest in (("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if len(word) >= shortest and word.endswith(ending) and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def content_words(text: str) -> list[str]:
    """The stems of the content words of a text, in their order, repeats included."""
    words = (found.group().replace("’", "'") for found in _WORD.finditer(text))
    return [stem(word) for word in words if not _is_function_word(word.casefold())]


def _is_function_word(word: str) -> bool:
    """Whether it is one, or a contraction of one: "it's", "isn't"."""
    return word.endswith("n't") or word.partition("'")[0] in FUNCTION_WORDS


def unsupported_share(summary: str, captions: Sequence[str]) -> float | None:
    """The share of a summary's content words that occur in no caption, 0 to 1.

    Returns:
        The share; None for a summary without content words.
    """
    words = content_words(summary)
    said = set(content_words(" ".join(captions)))
    return sum(word not in said for word in words) / len(words) if words else None


def echoes(summary: str, template: str, captions: Sequence[str]) -> bool:
    """Whether a summary is made of the prompt's own words, such as its example, not the captions'.

    Args:
        summary: What the model wrote.
        template: The prompt without the captions.
        captions: What it was shown.

    Returns:
        Whether more than half of the content words occur in the prompt and in no caption.
    """
    words = content_words(summary)
    foreign = set(content_words(template)) - set(content_words(" ".join(captions)))
    return sum(word in foreign for word in words) > MOSTLY * len(words)


def most_typical(captions: Sequence[str]) -> str:
    """The caption whose content words the others share most; the first of several."""
    words = [set(content_words(caption)) for caption in captions]
    counts = Counter(word for each in words for word in each)
    shared = [sum(counts[word] for word in each) / (len(each) or 1) for each in words]
    return captions[shared.index(max(shared))]

"""Prompts: what a language model is asked, and in which form.

A prompt is plain text with the field `{captions}`. Which kind of model is asked how is decided
here, from its tokenizer and its config; nothing here loads or runs a model.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

from gap_assets.parameters import FIELD

Kind = Literal["encoder-decoder", "chat", "base"]
"""T5 and the like; a model with a chat template; one that just continues a text."""

INSTRUCTION_PROMPT = (
    "Here are captions of the frames of one video, in the order of time: {captions} . "
    "Write one sentence that says what happens in the video."
)
"""For models that follow instructions, such as FLAN-T5."""

FEW_SHOT_PROMPT = """\
Each video below is given by captions of its frames in the order of time. \
After them stands one sentence that says what happens in the whole video.

Captions:
- a man opens a refrigerator
- a man in a kitchen holds a carton of milk
- milk is poured into a bowl of flour
- a man is stirring dough in a bowl
- a tray of cookies on a table
Summary: A man mixes milk and flour to a dough in his kitchen and bakes cookies.

Captions:
- {captions}
Summary:"""
"""For base models, which continue a text and follow no instruction, such as phi-1_5."""

CHAT_PROMPT = """\
Captions of the frames of one video, in the order of time:
- {captions}

Describe in one short sentence who is in the video and what they do."""
"""For models that were trained on dialogues."""

DEFAULT_PROMPTS: dict[Kind, str] = {
    "encoder-decoder": INSTRUCTION_PROMPT,
    "chat": CHAT_PROMPT,
    "base": FEW_SHOT_PROMPT,
}

# The names by which chat templates know the switch; a template ignores those it does not know.
NO_REASONING = {"enable_thinking": False, "thinking": False}
_OPENED = re.compile(r"<(think\w*|reasoning)>\s*\Z")


def kind_of(tokenizer: Any, *, encoder_decoder: bool) -> Kind:
    """How a model wants to be asked: an encoder-decoder plainly, a chat model as its user."""
    if encoder_decoder:
        return "encoder-decoder"
    return "chat" if tokenizer.chat_template else "base"


def tokenize(tokenizer: Any, prompt: str, captions: Sequence[str], *, kind: Kind) -> list[int]:
    """The token ids of a rendered prompt, in the form that the kind of model was trained on.

    A chat model gets it as a message of the user, own prompts included, with reasoning switched
    off where its template has such a switch. Special tokens spelled out in a caption are dropped:
    they would end the message.
    """
    special = [token for token in tokenizer.all_special_tokens if token]
    asked = fill_prompt(prompt, [_without(caption, special) for caption in captions])
    if kind != "chat":
        return list(tokenizer(asked, truncation=False)["input_ids"])
    message = [{"role": "user", "content": asked}]
    form = {"tokenize": False, "add_generation_prompt": True, **NO_REASONING}
    asked = tokenizer.apply_chat_template(message, **form)
    if opened := _OPENED.search(asked):
        asked += f"\n</{opened[1]}>\n\n"  # Without a switch: the reasoning is over at once.
    # The template writes the special tokens itself.
    return list(tokenizer(asked, truncation=False, add_special_tokens=False)["input_ids"])


def _without(text: str, parts: Sequence[str]) -> str:
    for part in parts:
        text = text.replace(part, " ")
    return text


def fill_prompt(prompt: str, captions: Sequence[str]) -> str:
    """Put captions into a prompt.

    They are joined by " . ", or stand one per line where the field follows the list mark "- ".
    """
    joiner = "\n- " if f"- {FIELD}" in prompt else " . "
    lines = (" ".join(caption.split()).strip(" .") for caption in captions)
    return prompt.replace(FIELD, joiner.join(lines))

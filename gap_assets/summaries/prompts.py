"""Prompts: what a language model is asked, as plain text with the field `{captions}`.

Nothing here knows a model; which prompt is whose default is decided by `summarizer`.
"""

from collections.abc import Sequence

FIELD = "{captions}"

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


def check_prompt(prompt: str) -> str:
    """Returns the prompt; refuses one that has no place for the captions.

    Raises:
        ValueError: The field `{captions}` does not occur exactly once.
    """
    if prompt.count(FIELD) != 1:
        raise ValueError(
            f"The summary prompt must hold the field {FIELD} exactly once; "
            f"it holds it {prompt.count(FIELD)} times."
        )
    return prompt


def render(prompt: str, captions: Sequence[str]) -> str:
    """Put captions into a prompt.

    They are joined by " . ", or stand one per line where the field follows the list mark "- ".
    """
    joiner = "\n- " if f"- {FIELD}" in prompt else " . "
    lines = (" ".join(caption.split()).strip(" .") for caption in captions)
    return prompt.replace(FIELD, joiner.join(lines))

"""From what a language model writes to the one line that is a summary.

Belongs here: what is taken off (reasoning, preambles, labels, marks of lists and of bold, quotes)
and where a text that was cut off ends. All functions are pure and only remove; how a text is
generated is in `generation`, whether the captions support it in `support`.
"""

import re

_TAG = r"(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_REASONING = re.compile(rf"<({_TAG})\b[^>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
# Some chat templates open the tag themselves, so that only its end is generated.
_END_OF_REASONING = re.compile(rf"\A.*</{_TAG}\s*>", re.IGNORECASE | re.DOTALL)

_MARKS = re.compile(r"\A(?:[-*•–—>#]+\s+|\d{1,2}[.)]\s+|```\w*\s*)+")
_EMPHASIS = re.compile(r"\*\*|__|`")
_ITALICS = re.compile(r"\A\*(?!\s)([^*]+)\*\Z|\A_(?!\s)([^_]+)_\Z")

# "Sure!", "Okay, ": what comes before the answer proper; not the first word of a sentence.
_COURTESY = re.compile(
    r"\A(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|great|got it|yes)\b"
    r"(?:[!.:]+|,(?=\s*(?:here|this|below|the following|i)\b))\s*",
    re.IGNORECASE,
)
_WHAT = r"(?:summary|answer|sentence|description|caption|overview|response|output|video)"
# A clause that announces the answer and ends in a colon: "Here is a summary of the video:".
_ANNOUNCEMENT = re.compile(
    rf"\A(?:"
    rf"(?:here(?:'s|’s| is| are)|this is|below is|the following is|i (?:would|will)|i'll|let me)"
    rf"\b[^:.!?]{{0,80}}\b(?:{_WHAT}|happens)\b[^:.!?]{{0,80}}"
    rf"|(?:(?:one|a|the|my|final|short|brief|single|possible|video|in)[\s-]+){{0,4}}{_WHAT}"
    rf"(?:\s+(?:of|for|in|that)\b[^:.!?]{{0,80}})?"
    rf"):\s*",
    re.IGNORECASE,
)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("„", "“"), ("„", "”"))

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|\Z)")
FEWEST_WORDS = 3  # A shorter beginning, such as "Mr.", is no sentence.


def clean(text: str) -> str:
    """The first line that says something, without what stands around it; empty if there is none.

    Cleaning twice gives the same. The characters of the result, spaces apart, are characters of the
    text in their order: nothing is invented.
    """
    return next((line for line in _lines(text) if line), "")


def is_complete(text: str) -> bool:
    """Whether a text that is being written has a whole line to show, so that it need not go on."""
    head, line_break, _ = text.rpartition("\n")
    return bool(line_break and clean(head))


def cut_back(text: str) -> str:
    """The text up to its last full sentence; all of it where no sentence ends."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    whole = [end for end in ends if len(text[:end].split()) >= FEWEST_WORDS]
    # Half a character at the end decodes as U+FFFD.
    return text[: whole[-1]] if whole else text.rstrip("\ufffd ")


def _lines(text: str) -> list[str]:
    said = _END_OF_REASONING.sub("", _REASONING.sub("", text))
    return [_bare(line) for line in said.splitlines()]


def _bare(line: str) -> str:
    """A line without marks, courtesies, announcements and quotes, however they are nested."""
    line = " ".join(line.split())
    while True:
        shorter = _EMPHASIS.sub("", _MARKS.sub("", line))
        shorter = _ITALICS.sub(lambda found: found[1] or found[2], shorter)
        shorter = _ANNOUNCEMENT.sub("", _COURTESY.sub("", shorter))
        shorter = _unquoted(" ".join(shorter.split()))
        if shorter == line:
            return line if any(map(str.isalnum, line)) else ""
        line = shorter


def _unquoted(line: str) -> str:
    """Without quotes around the whole line, or an opening one that nothing closes."""
    for opening, closing in _QUOTES:
        if len(line) > 1 and line[0] == opening and line[-1] == closing:
            inside = line[1:-1]
            if opening not in inside and closing not in inside:
                return inside.strip()
        if line.startswith(opening) and closing not in line[1:] and opening != "'":
            return line[1:].strip()
    return line

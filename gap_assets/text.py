"""Texts that others wrote, made fit to be shown to people. Storage keeps them as they are."""

import re

CLASS = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt): ")
NUMBER = re.compile(r"^\[Errno \d+\] ")

# Line ends and tabs, and the joiners without which emoji and some scripts fall apart.
KEPT = frozenset("\n\t\u200c\u200d")


def printable(text: str) -> str:
    """The text with a � for each character that would command a terminal or turn the line round."""
    return "".join(c if c.isprintable() or c in KEPT else "�" for c in text)


def without_class(message: str) -> str:
    """What an error says, without the name of its class and the system's number of it."""
    return NUMBER.sub("", CLASS.sub("", message.strip()))

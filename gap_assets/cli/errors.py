"""Errors as one sentence: without the names of classes, and without a library's advice."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from rich.console import Console

from gap_assets.settings import refusal
from gap_assets.text import printable


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turns what a user can fix into one sentence and exit status 1."""
    try:
        yield
    except Exception as error:
        message = _sentence(error)
        if message is None:
            raise
        Console(stderr=True).print(f"gap: {printable(message)}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _sentence(error: Exception) -> str | None:
    """What a user can fix, in a sentence."""
    if isinstance(error, ValidationError):
        return refusal(error)
    # Our own errors say what is wrong and what to do.
    if type(error).__module__.startswith("gap_assets."):
        return str(error)
    if isinstance(error, OSError):
        named = error.filename is not None and error.strerror
        return f"{error.filename}: {error.strerror}." if named else str(error)
    return None

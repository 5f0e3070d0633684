"""Errors as one sentence: without the names of classes, and without a library's advice."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console

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
        return _of_field(error.errors()[0])
    # Our own errors say what is wrong and what to do.
    if type(error).__module__.startswith("gap_assets."):
        return str(error)
    if isinstance(error, OSError):
        named = error.filename is not None and error.strerror
        return f"{error.filename}: {error.strerror}." if named else str(error)
    return None


def _of_field(error: ErrorDetails) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{field} is no setting; see `gap config --help` for how to take it out of gap.toml."
    message = error["msg"].removeprefix("Value error, ")
    if message.startswith("Input should be "):
        return f"{field} must be {message.removeprefix('Input should be ')}."
    return f"{field}: {message}" if field else message

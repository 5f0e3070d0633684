"""Tells listeners in this process how far an asset has come. Logging is the assets' own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int], None]
"""Called with the asset, the videos that are done and the videos of the run.

An asset that is made of all videos at once goes from 0 of 1 to 1 of 1.
"""

_listeners: list[Listener] = []


def report_progress(asset: str, done: int, total: int) -> None:
    """Tells the listeners that an asset has finished `done` of `total` videos."""
    for listener in _listeners:
        listener(asset, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Calls the listener for as long as the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)

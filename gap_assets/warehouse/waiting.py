"""What the warehouse says when it cannot go on, and while it waits. Who waits how is not here."""

import logging
import time
from pathlib import Path

log = logging.getLogger(__name__)

SILENCE_S = 2.0


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; the message says why and what to do."""


class NoWarehouseError(WarehouseError):
    """There is nothing at that place yet."""

    def __init__(self, place: str | Path):
        super().__init__(f"There is no warehouse at {place} yet; `gap run` makes it.")


def still_held(place: str | Path, holder: str, *, since: float, patience_s: float) -> None:
    """Says who is waited for, once the wait is longer than a moment.

    Args:
        place: What is waited for.
        holder: Who has it.
        since: When the wait began, by `time.monotonic`.
        patience_s: How long it may last, in seconds.

    Raises:
        WarehouseError: If it has lasted longer.
    """
    waited = time.monotonic() - since
    if waited > patience_s:
        raise WarehouseError(
            f"{place} has been held by {holder} for {patience_s:.0f} s; close that connection and"
            " run this again."
        )
    if waited > SILENCE_S:
        log.warning("Waiting for the warehouse: %s is held by %s.", place, holder)


def still_away(place: str | Path, error: Exception, *, since: float, patience_s: float) -> None:
    """Says what is waited for, once the wait is longer than a moment.

    Args:
        place: What does not answer.
        error: How that showed.
        since: When the wait began, by `time.monotonic`.
        patience_s: How long it may last, in seconds.

    Raises:
        WarehouseError: If it has lasted longer.
    """
    waited = time.monotonic() - since
    if waited > patience_s:
        raise WarehouseError(
            f"{place} has not answered for {patience_s:.0f} s; see that its Postgres runs, and run"
            " this again."
        ) from error
    if waited > SILENCE_S:
        log.warning("Waiting for the warehouse: %s does not answer.", place)

"""What the warehouse says when it cannot go on, and while it waits. Who waits how is not here."""

import logging
import time
from pathlib import Path

log = logging.getLogger(__name__)

SILENCE_S = 2.0
CLOSE_IT = "close that connection"


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; the message says why and what to do."""


class WarehouseHeldError(WarehouseError):
    """Another program has it open for longer than this one waits; later it may be free."""


class NoWarehouseError(WarehouseError):
    """There is nothing at that place yet."""

    def __init__(self, place: str | Path):
        super().__init__(f"There is no warehouse at {place} yet; `gap run` makes it.")


def go_on_waiting(state: str, advice: str, *, since: float, patience_s: float) -> None:
    """Says what is waited for, once the wait is longer than a moment.

    Args:
        state: What keeps us, as in "w.duckdb is held by python (PID 7)".
        advice: What to do where it does not pass.
        since: When the wait began, by `time.monotonic`.
        patience_s: How long it may last, in seconds.

    Raises:
        WarehouseHeldError: If it has lasted longer.
    """
    waited = time.monotonic() - since
    if waited > patience_s:
        raise WarehouseHeldError(
            f"{state}, for {patience_s:.0f} s now; {advice} and run this again."
        )
    if waited > SILENCE_S:
        log.warning("Waiting for the warehouse: %s, for %.0f s now; %s.", state, waited, advice)

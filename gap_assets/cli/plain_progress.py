"""Progress as lines, for an output that cannot redraw: a pipe, a file, a notebook's cell.

Bars for a terminal are drawn in `console`.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import IO

from gap_assets.progress import Listener

PAUSE_S = 30.0


def redraws(output: IO[str]) -> bool:
    """Whether bars can be drawn on an output: a terminal, but not that of a notebook's cell.

    IPython gives `!command` a pseudo-terminal and sets FORCE_COLOR, but its cell keeps every
    redrawn line: 24 kB a second. Its kernel is known by the variable JPY_PARENT_PID.
    """
    return output.isatty() and "JPY_PARENT_PID" not in os.environ


def plain_lines(
    tell: Callable[[str], object],
    *,
    pause_s: float = PAUSE_S,
    clock: Callable[[], float] = time.monotonic,
) -> Listener:
    """A listener that tells when an asset begins and ends, and else at most once in a while.

    Args:
        tell: Takes a line without its newline.
        pause_s: Least seconds between a line and one of an asset under way.
        clock: Seconds, from any start.
    """
    began: dict[str, float] = {}
    ended: set[str] = set()
    told = clock()

    def listener(asset: str, done: int, total: int) -> None:
        nonlocal told
        now = clock()
        first, last = asset not in began, done == total
        began.setdefault(asset, now)
        if not (first or (last and asset not in ended) or now - told >= pause_s):
            return
        if last:
            ended.add(asset)
        told = now
        tell(f"{asset:20} {done}/{total} {timedelta(seconds=int(now - began[asset]))}")

    return listener

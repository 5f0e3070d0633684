"""Batches that worker threads prepare while the last ones are computed on.

What is prepared and computed is the caller's. How much of a batch fits on a GPU is `gpu`'s.
"""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

BATCHES_AHEAD = 2

Item = TypeVar("Item")
Made = TypeVar("Made")


def prepared_batches(
    items: Iterable[Item], prepare: Callable[[Item], Made], *, batch_size: int
) -> Iterator[list[Made]]:
    """Prepares items in worker threads, at most `BATCHES_AHEAD` batches ahead.

    Args:
        items: Read lazily, in this thread.
        prepare: Makes of an item what is computed on; spends its time outside Python's lock.
        batch_size: Items a batch; the last may have fewer.

    Yields:
        The prepared items in their order, a batch at a time.
    """
    source = iter(items)
    ahead: deque[list[Future[Made]]] = deque()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="pictures") as pool:
        while chunk := list(itertools.islice(source, batch_size)):
            ahead.append([pool.submit(prepare, item) for item in chunk])
            if len(ahead) > BATCHES_AHEAD:
                yield [future.result() for future in ahead.popleft()]
        while ahead:
            yield [future.result() for future in ahead.popleft()]

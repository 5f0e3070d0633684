"""How much goes through a model at once: less, once a GPU's memory has not sufficed.

Belongs here: what all models do alike when memory runs out. How their inputs are put together, and
what is computed, is theirs.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import torch  # noqa: TID253

log = logging.getLogger(__name__)


class Items(Protocol):
    """Anything that has a length and gives a part of its own kind."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Self: ...


Some = TypeVar("Some", bound=Items)
Result = TypeVar("Result")


@dataclass
class BatchSize:
    """The number of items that a model takes at once.

    Attributes:
        most: At most so many; halved for good when a GPU runs out of memory.
        free: Lets go of what is kept on the GPU for speed alone.
    """

    most: int
    free: Callable[[], object] = lambda: None

    def parts(self, items: Some, work: Callable[[Some], Result]) -> Iterator[Result]:
        """Works on the items part by part, in their order, and yields each part's result.

        Args:
            items: The items.
            work: Runs the model on some of them, without gradients.

        Raises:
            torch.OutOfMemoryError: If there is no room for a single item.
        """
        first = 0
        while first < len(items):
            part = items[first : first + self.most]
            try:
                with torch.inference_mode():
                    result = work(part)
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
            else:
                yield result
                first += len(part)
                continue
            # Only here are the tensors of the failed pass gone: the exception held them.
            self.most = (len(part) + 1) // 2
            log.warning("The GPU ran out of memory; going on with batches of %d.", self.most)
            self.free()
            torch.cuda.empty_cache()

"""How much goes through a model at once: less, once a GPU's memory has not sufficed.

Belongs here: what all models do alike when memory runs out. How their inputs are put together, and
what is computed, is theirs.
"""

import logging
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

import torch  # noqa: TID253

log = logging.getLogger(__name__)


class Items(Protocol):
    """Anything that has a length and gives a part of its own kind."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Self: ...


Some = TypeVar("Some", bound=Items)
Result = TypeVar("Result")

Fits = MutableMapping[Hashable, int]
"""Kind of work to the size that fits; kept with a loaded model, so that it is found out once."""


@dataclass
class BatchSize:
    """How much a model takes at once.

    Attributes:
        wanted: At most so much. Where a GPU ran out of memory it is half of what was tried, for
            this and all later work of the kind.
        fits: What is known of the model, for this work and others.
        kind: Of the work.
        free: Lets go of what is kept on the GPU for speed alone.
        weigh: What some items amount to; by default their number.
    """

    wanted: int
    fits: Fits = field(default_factory=dict)
    kind: Hashable = None
    free: Callable[[], object] = lambda: None
    weigh: Callable[[Any], int] = len

    @property
    def most(self) -> int:
        """At most so much at once."""
        return min(self.wanted, self.fits.get(self.kind, self.wanted))

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
            part = self._part(items, first)
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
            self.fits[self.kind] = (self.weigh(part) + 1) // 2
            log.warning("The GPU ran out of memory; going on with batches of %d.", self.most)
            self.free()
            torch.cuda.empty_cache()

    def _part(self, items: Some, first: int) -> Some:
        """As many of the items as weigh no more than fits, but at least one."""
        count = min(len(items) - first, self.most)
        while count > 1 and self.weigh(items[first : first + count]) > self.most:
            count -= 1
        return items[first : first + count]

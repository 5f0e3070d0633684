"""What the resources that determine results have in common."""

from typing import Any, ClassVar

import dagster as dg


class Determining(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A resource whose config determines results, but for the fields that it names as free."""

    free: ClassVar[frozenset[str]] = frozenset()

    def determines(self) -> Any:
        """What a change of makes the results stale, as JSON-able values."""
        return self.model_dump(exclude=set(self.free))

"""Which encoders a data folder compares, as a choice that determines results.

How an encoder is named is `names`'s business, and loading one is `loading`'s.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from gap_assets.encoders.loading import encoder_fingerprint
from gap_assets.encoders.names import EXAMPLES, canonical_encoder, is_untrained
from gap_assets.graph import fingerprint
from gap_assets.parameters import Choice


def _canonical(names: list[str]) -> list[str]:
    canonical = [*dict.fromkeys(canonical_encoder(name) for name in names)]
    if random := [name for name in canonical if is_untrained(name)]:
        raise ValueError(
            f"{random[0]} is no encoder of its own: `statistics.untrained_seeds` sets how many"
            " untrained networks there are."
        )
    return canonical


class Encoders(Choice):
    """The encoders that see the same frames and texts as the embedding CoCa."""

    free: ClassVar[frozenset[str]] = frozenset({"device", "batch_size"})

    names: Annotated[list[str], AfterValidator(_canonical)] = Field(default=[])
    """Such as `open_clip:ViT-B-32/laion2b_s34b_b79k`; an empty list for none."""
    precision: Literal["auto", "fp32", "fp16"] = "auto"
    """auto is fp16 on a GPU and fp32 on a CPU."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1; no result depends on it."""
    batch_size: int = Field(default=64, ge=1)
    """Frames at a time; no result depends on it."""

    def determines(self) -> Any:
        """The config, and the content of each encoder; the order of the names is nothing."""
        names = {name: encoder_fingerprint(name) for name in sorted(set(self.names))}
        return super().determines() | {"names": names}

    def fingerprints(self) -> dict[str, str]:
        """Of each encoder, what makes its own rows stale and no other's."""
        chosen = self.determines()
        return {
            name: fingerprint([content, chosen["precision"]])
            for name, content in chosen["names"].items()
        }


def encoder_list(names: Any) -> tuple[str, ...] | None:
    """A setting as a list of canonical names, each once.

    Args:
        names: A list; a text with commas; `none` for the empty list; None for no choice.

    Raises:
        ValueError: Something is not the name of an encoder.
    """
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"Encoders are a list of names, such as {EXAMPLES}; or none.")
    parts = [each for name in listed for each in name.split(",")]
    named = [name.strip() for name in parts if name.strip()]
    return () if named == ["none"] else tuple(dict.fromkeys(canonical_encoder(n) for n in named))


def trained(names: Iterable[str]) -> list[str]:
    """The encoders of a list whose weights are not random."""
    return [name for name in names if not is_untrained(name)]

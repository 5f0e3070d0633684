"""How captions are decoded, for the decoder alone: it runs where pydantic is not installed.

The launchpad's form of it, with bounds and a way to name other weights, is
`gap_assets.parameters.Captioning`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """Settings of the caption decoder; the defaults are those of open_clip 3.3's `generate`.

    Attributes:
        mode: `greedy` takes the likeliest token at each step. `beam` is beam search over summed
            log-probabilities. `compat` is what open_clip 3.3's default (6 beams in 3 groups)
            really computes: a search with 2 beams over summed raw logits; published COCO scores
            were made this way. `sample` draws tokens, reproducibly for a frame and a seed.
        beams: Width of the search in the modes `beam` and `compat`.
        max_tokens: Longest caption in tokens, start and end token included, as open_clip counts.
            The model's context length bounds it too.
        min_tokens: Tokens that come before the end token, the start token included.
        length_penalty: A finished hypothesis is ranked by its score divided by its length (start
            and end token included) to this power.
        temperature: Divides the logits in the mode `sample`.
        seed: Of the mode `sample`.
    """

    mode: Literal["greedy", "beam", "compat", "sample"] = "greedy"
    beams: int = 2
    max_tokens: int = 30
    min_tokens: int = 5
    length_penalty: float = 1.0
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.beams >= 1 and 0 <= self.min_tokens < self.max_tokens):
            raise ValueError("Decoding needs beams >= 1 and 0 <= min_tokens < max_tokens.")
        if self.temperature <= 0:
            raise ValueError("The sampling temperature must be above 0; use mode 'greedy' for 0.")

    @property
    def width(self) -> int:
        """Hypotheses carried along per image."""
        return self.beams if self.mode in ("beam", "compat") else 1

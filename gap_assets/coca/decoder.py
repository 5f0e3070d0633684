"""From image tokens to captions: the loop over steps, and its recording as a CUDA graph.

The forward pass is in `network`, the choice of tokens in `search`; both work on tensors of fixed
shape, so one step can be recorded once and replayed, which on a GPU costs one launch, not hundreds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch  # noqa: TID253
from open_clip.coca_model import CoCa as CocaModule  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from gap_assets.coca import network, search
from gap_assets.coca.search import DecodedCaption
from gap_assets.coca.settings import DecodeSettings

# Asking whether all captions have ended makes the host wait for the device.
STEPS_BETWEEN_CHECKS = 4


class CaptionDecoder:
    """Decodes batches of image tokens; keeps its caches for the next batch of the same shape.

    Args:
        module: open_clip's CoCa in evaluation mode.
        start: Id of the start token.
        end: Id of the end token.
        settings: How to decode.

    Raises:
        ValueError: The model's text tower is of a kind that the cached pass does not cover.
    """

    def __init__(
        self, module: CocaModule, *, start: int, end: int, settings: DecodeSettings
    ) -> None:
        network.check_supported(module)
        self._module = module
        self._start = start
        self._end = end
        self._settings = settings
        self._steps = min(settings.max_tokens, module.text.context_length) - 1
        self._workspace: _Workspace | None = None

    @torch.inference_mode()
    def decode(
        self, image_tokens: Tensor, *, seeds: Sequence[int] | None = None
    ) -> list[DecodedCaption]:
        """Caption images.

        Args:
            image_tokens: (B, S, C), the second output of open_clip's vision tower.
            seeds: B numbers for the mode `sample`; a caption depends on its own seed only.

        Returns:
            B captions in the order of the images.
        """
        images = len(image_tokens)
        if image_tokens.is_cuda and self._workspace is not None:
            # A recorded step is worth more than the rows that fill its batch up.
            missing = max(0, self._workspace.shape[0] - images)
            image_tokens = F.pad(image_tokens, (0, 0, 0, 0, 0, missing))
        if self._workspace is None or self._workspace.shape != image_tokens.shape:
            self._workspace = None  # Two sets of caches need not fit into memory.
            self._workspace = self._prepare(image_tokens)
        work = self._workspace
        if seeds is not None:
            work.uniform[:images] = torch.stack([_uniform(seed, self._steps) for seed in seeds])
        network.read_images(self._module, work.cache, image_tokens)
        search.begin(work.state, start=self._start)
        for step in range(1, self._steps + 1):
            work.advance()
            if step % STEPS_BETWEEN_CHECKS == 0 and bool(work.state.done.all()):
                break
        return search.captions(work.state, end=self._end, settings=self._settings)[:images]

    def _prepare(self, image_tokens: Tensor) -> "_Workspace":
        module, end, settings = self._module, self._end, self._settings
        shape = {"beams": settings.width, "steps": self._steps}
        cache = network.allocate(module, image_tokens=image_tokens, **shape)
        state = search.new_search(batch=len(image_tokens), device=image_tokens.device, **shape)
        uniform = torch.zeros(len(image_tokens), self._steps, device=image_tokens.device)

        def advance() -> None:
            logits = network.next_logits(
                module, cache, tokens=state.tokens, origin=state.origin, step=state.step
            )
            search.advance(state, logits, end=end, settings=settings, uniform=uniform)

        if image_tokens.is_cuda:
            advance = _recorded(advance, reset=lambda: search.begin(state, start=self._start))
        return _Workspace(
            shape=image_tokens.shape, cache=cache, state=state, uniform=uniform, advance=advance
        )


@dataclass(frozen=True, kw_only=True)
class _Workspace:
    """The tensors for one shape of batch, and the step that works on them."""

    shape: torch.Size
    cache: network.KeyValueCache
    state: search.Search
    uniform: Tensor
    advance: Callable[[], None]


def _recorded(advance: Callable[[], None], *, reset: Callable[[], None]) -> Callable[[], None]:
    """Record a step as a CUDA graph, after the warm-up on a side stream that torch asks for."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            reset()
            advance()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        advance()
    return graph.replay


def _uniform(seed: int, steps: int) -> Tensor:
    return torch.rand(steps, generator=torch.Generator().manual_seed(seed))

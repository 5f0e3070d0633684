"""What both trainings share: learning rate by step, and checkpoints that are never half-written."""

from pathlib import Path

import torch  # noqa: TID253
from torch import nn  # noqa: TID253


def learning_rate_factor(step: int, steps: int, *, warm_up: int) -> float:
    """Share of the peak rate: linear warm-up, a plateau, and a linear fall in the last third.

    The plateau is what lets a training go on longer than it was planned for.
    """
    return min(1.0, (step + 1) / warm_up, (steps - step) / (steps / 3))


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Replace the checkpoint by the state before `step`."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)

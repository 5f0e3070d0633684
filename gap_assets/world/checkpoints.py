"""What both trainings share: the learning rate by step, checkpoints and the log."""

import json
import time
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


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Restore a training from its checkpoint, if there is one; the step to go on with."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location=next(model.parameters()).device)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    step: int = state["step"]
    return step


def append_log(path: Path, **values: float) -> None:
    """Add a line of JSON with the present time to a training's log."""
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(values | {"time": time.time()}) + "\n")

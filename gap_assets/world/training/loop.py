"""What both trainings share: the loop, the learning rate by step, checkpoints and the log."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import torch  # noqa: TID253
from rich.progress import track
from torch import nn  # noqa: TID253

LOG_EVERY, CHECKPOINT_EVERY = 50, 250  # steps


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: Callable[[int], Mapping[str, torch.Tensor]],
    *,
    work: Path,
    steps: int,
    warm_up: int,
) -> None:
    """Train a model, or go on from its checkpoint.

    Args:
        model: What is trained, in place.
        optimizer: Of its parameters, made with the peak learning rate.
        losses: The named parts of one step's loss, by the number of the step.
        work: Where `checkpoint.pt` and `log.jsonl` are kept.
        steps: Length of the whole training; the learning rate falls in its last third.
        warm_up: Steps in which the learning rate rises.
    """
    checkpoint = work / "checkpoint.pt"
    first = load_checkpoint(checkpoint, model, optimizer)
    totals: Counter[str] = Counter()
    for step in track(range(first, steps), description="Training"):
        rate = optimizer.defaults["lr"] * learning_rate_factor(step, steps, warm_up=warm_up)
        parts = losses(step)
        update(model, optimizer, parts, rate=rate)
        totals.update({name: part.item() for name, part in parts.items()})
        if (step + 1) % LOG_EVERY == 0:
            means = {name: total / LOG_EVERY for name, total in totals.items()}
            with (work / "log.jsonl").open("a", encoding="utf-8") as log:
                line = {"step": step + 1, "rate": rate} | means | {"time": time.time()}
                log.write(json.dumps(line) + "\n")
            totals.clear()
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            save_checkpoint(checkpoint, model, optimizer, step + 1)


def update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    parts: Mapping[str, torch.Tensor],
    *,
    rate: float,
) -> None:
    """One step down the sum of the loss's parts, with its gradient clipped to length 1."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    torch.autograd.backward(torch.stack(tuple(parts.values())).sum())
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


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

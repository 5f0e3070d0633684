"""Which device this process computes on, and how much goes through a model at once.

A GPU is leased, so that each process has its own. The lease is a locked file of the machine, which
the kernel unlocks when the process ends, however it ends. Batches shrink once a GPU's memory has
not sufficed. How many runs go at once is the instance's business; what is computed is the models'.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar

import torch  # noqa: TID253

from gap_assets.memory import machine_memory

log = logging.getLogger(__name__)

DRIVER = Path("/proc/driver/nvidia/version")
LEASES = Path(tempfile.gettempdir()) / "gap_assets-gpus"

Precision = Literal["auto", "fp32", "fp16"]
Module = TypeVar("Module", bound=torch.nn.Module)


def compute_device(name: str = "auto") -> str:
    """The torch device for a name, made this process's current one if it is a GPU.

    Args:
        name: `auto` leases a GPU where there is one and waits while all are taken, and so does
            `cuda`, which wants one; else a torch device such as `cpu` or `cuda:1`, taken as it is.

    Raises:
        ValueError: A GPU was named and torch sees none.
    """
    there = torch.cuda.is_available()
    if name.startswith("cuda") and not there:
        reason = _unused_driver() or "torch sees no GPU"
        raise ValueError(f"Device {name!r} was asked for, but {reason}; use 'auto'.")
    if name == "auto" and not there and (unused := _unused_driver()):
        log.warning("%s; the models run on the CPU.", unused)
    if name in ("auto", "cuda"):
        name = f"cuda:{_leased()}" if there else "cpu"
    if name.startswith("cuda"):
        index, count = torch.device(name).index, torch.cuda.device_count()
        if index is not None and index >= count:
            raise ValueError(f"Device {name!r} was asked for, and there are {count} GPUs.")
        torch.cuda.set_device(name)  # CUDA graphs are captured on the current device.
    return name


def describe_device(name: str) -> str:
    """A torch device in words: the card's name, or `the CPU`."""
    device = torch.device(name)
    if device.type != "cuda":
        return "the CPU"
    return f"{device} ({torch.cuda.get_device_name(device)})"


def embedding_dtype(device: str, precision: Precision) -> torch.dtype:
    """The type of an encoder's parameters, where `auto` is fp16 on a GPU and fp32 on a CPU.

    Never bfloat16, whose embeddings are off by 0.013.
    """
    half = precision == "fp16" or (precision == "auto" and device.startswith("cuda"))
    return torch.float16 if half else torch.float32


def place_encoder(module: Module, *, device: torch.device, dtype: torch.dtype) -> Module:
    """Puts a whole model on a device in one type, ready to embed: no dropout, no gradients."""
    if device.type == "cuda":
        # TF32 for what stays in fp32, unless all of it shall equal a CPU's.
        torch.set_float32_matmul_precision("high" if dtype == torch.float16 else "highest")
    placed: Module = module.to(device=device, dtype=dtype)
    return placed.eval().requires_grad_(requires_grad=False)


def free_memory(name: str) -> int:
    """Bytes that a torch device has free; for a CPU, what the machine or its container has."""
    if torch.device(name).type == "cuda":
        return torch.cuda.mem_get_info(torch.device(name))[0]
    found = machine_memory()
    return found.free if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@cache
def _unused_driver() -> str | None:
    """Why a machine with an NVIDIA driver has no GPU that torch can use; None without a driver."""
    if not DRIVER.exists():
        return None
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    return f"the NVIDIA driver does not work with torch's CUDA {torch.version.cuda}; update it"


@cache
def _leased() -> int:
    """The index of the GPU that this process has leased for its life."""
    devices = range(torch.cuda.device_count())
    return lease([str(torch.cuda.get_device_properties(i).uuid) for i in devices])


def lease(gpus: Sequence[str], *, leases: Path = LEASES, pause_s: float = 1.0) -> int:
    """Takes the first free one of some GPUs for the rest of the process's life.

    Args:
        gpus: What identifies each GPU on this machine, however they are numbered.
        leases: The folder of the locks, shared by all users of the machine.
        pause_s: Seconds between two looks while all are taken.

    Returns:
        The position of the GPU in `gpus`.
    """
    from filelock import FileLock, Timeout

    if not leases.exists():
        leases.mkdir(parents=True, exist_ok=True)
        leases.chmod(0o1777)  # Like the temporary folder: others add locks of their own.
    waiting = False
    while True:
        for position, gpu in enumerate(gpus):
            lock = FileLock(leases / f"{gpu}.lock", mode=0o666)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            _held.append(lock)
            return position
        if not waiting:
            log.warning("All %d GPUs are leased by other processes; waiting for one.", len(gpus))
            waiting = True
        time.sleep(pause_s)


_held: list[object] = []  # A lock that is collected would be released.


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

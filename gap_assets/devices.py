"""Which device this process computes on. A GPU is leased, so that each process has its own.

The lease is a locked file of the machine, which the kernel unlocks when the process ends, however
it ends. How many runs go at once, and so how many wait in the queue, is the instance's business.
"""

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gap_assets.memory import machine_memory

log = logging.getLogger(__name__)

DRIVER = Path("/proc/driver/nvidia/version")
LEASES = Path(tempfile.gettempdir()) / "gap_assets-gpus"


def compute_device(name: str = "auto") -> str:
    """The torch device for a name, made this process's current one if it is a GPU.

    Args:
        name: `auto` leases a GPU where there is one and waits while all are taken, and so does
            `cuda`, which wants one; else a torch device such as `cpu` or `cuda:1`, taken as it is.

    Raises:
        ValueError: A GPU was named and torch sees none.
    """
    import torch

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
    import torch

    device = torch.device(name)
    if device.type != "cuda":
        return "the CPU"
    return f"{device} ({torch.cuda.get_device_name(device)})"


def free_memory(name: str) -> int:
    """Bytes that a torch device has free; for a CPU, what the machine or its container has."""
    import torch

    if torch.device(name).type == "cuda":
        return torch.cuda.mem_get_info(torch.device(name))[0]
    found = machine_memory()
    return found.free if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@cache
def _unused_driver() -> str | None:
    """Why a machine with an NVIDIA driver has no GPU that torch can use; None without a driver."""
    import torch

    if not DRIVER.exists():
        return None
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    return f"the NVIDIA driver does not work with torch's CUDA {torch.version.cuda}; update it"


@cache
def _leased() -> int:
    """The index of the GPU that this process has leased for its life."""
    import torch

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

"""How much memory is free: of a GPU, or of this machine within the limits of its container.

Belongs here: reading what the system tells. What is done when memory is short is decided in
`gap_assets.pipeline.models`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# By version of the control groups: limit, use, and the line of `memory.stat` that counts the files
# whose pages the kernel can take back at once.
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


class Memory(NamedTuple):
    """Bytes that are free, and bytes there are."""

    free: int
    total: int


def gpu_memory() -> Memory:
    """Of the current GPU, what torch keeps for its next tensors counted as free."""
    import torch

    torch.cuda.empty_cache()
    return Memory(*torch.cuda.mem_get_info())


def machine_memory(root: Path = Path("/")) -> Memory | None:
    """What this process may still take: the machine's memory, or less in a container.

    Args:
        root: Where `proc` and `sys` are.

    Returns:
        None where the system does not tell (it is no Linux).
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    sizes = {
        name: int(rest.split()[0]) * 1024 for name, _, rest in (s.partition(":") for s in lines)
    }
    found = [Memory(free=sizes["MemAvailable"], total=sizes["MemTotal"]), *_containers(root)]
    return Memory(free=min(m.free for m in found), total=min(m.total for m in found))


def _containers(root: Path) -> Iterator[Memory]:
    """The control group of this process and those around it, where they have a limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = root / ("sys/fs/cgroup/memory" if controllers else "sys/fs/cgroup")
        # In a container the path may be the host's: then only its end, the mount, is there.
        group = mount / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(mount) and (
                found := _container(folder, *(V1 if controllers else V2))
            ):
                yield found


def _container(folder: Path, limit: str, used: str, files: str) -> Memory | None:
    try:
        most = int((folder / limit).read_text())
        now = int((folder / used).read_text())
        lines = (folder / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # No such group, or no limit: "max".
        return None
    reclaimable = sum(int(line.split()[1]) for line in lines if line.startswith(f"{files} "))
    return Memory(free=max(0, most - now + reclaimable), total=most)

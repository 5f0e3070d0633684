"""What every benchmark shares: the machine's description, a CPU timer and the printed result.

Belongs here: anything two benchmark scripts need. Does not belong here: what is being measured.
"""

import json
import os
import platform
import resource
import shlex
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]


def machine() -> dict[str, str | int]:
    """Names the processor, its usable cores, the memory and the operating system."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_gib": round(memory / 2**30),
        "system": platform.platform(terse=True),
        "load_1min": f"{os.getloadavg()[0]:.1f}",
    }


def random_seed(model: str) -> int | None:
    """The seed of random weights, which are as fast as trained ones, for a model by name."""
    return None if model.startswith("local-dir:") else 0


def cpu_seconds() -> float:
    """CPU seconds, user and system, of this process with all its threads and its children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return ended + sum(_ticks(pid) for pid in _living_children()) / os.sysconf("SC_CLK_TCK")


def _living_children() -> list[str]:
    """Their ids, where the system tells them (Linux)."""
    return [
        pid
        for listing in Path("/proc/self/task").glob("*/children")
        for pid in listing.read_text().split()
    ]


def _ticks(pid: str) -> int:
    """Clock ticks of a process and its ended children; 0 if it has ended meanwhile."""
    try:
        fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def cpu_times(works: Mapping[str, Callable[[], Any]], *, repeats: int) -> dict[str, float]:
    """CPU seconds of each work, the least of its runs.

    The works take turns, so that a change in the machine's load meets all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            started = cpu_seconds()
            work()
            times[name].append(cpu_seconds() - started)
    return {name: min(seconds) for name, seconds in times.items()}


def command() -> str:
    """The command of this process, with files outside the checkout by their names alone."""

    def shown(word: str) -> str:
        path = Path(word)
        outside = not path.resolve().is_relative_to(CHECKOUT)
        return path.name if outside and (path.is_absolute() or path.exists()) else word

    threads = os.environ.get("OMP_NUM_THREADS")
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(shown, sys.argv[1:])]
    return (f"OMP_NUM_THREADS={threads} " if threads else "") + shlex.join(words)


def report(
    title: str,
    *,
    figures: Mapping[str, float | int | str | None],
    packages: tuple[str, ...],
    as_json: bool,
) -> None:
    """Prints figures beside the machine, versions and command that made them.

    With `as_json` the last line of the output is one JSON object with all of it.
    """
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:<40} {value:.4g}" if isinstance(value, float) else f"  {name:<40} {value}")
    print("  machine :", ", ".join(f"{key} {value}" for key, value in machine().items()))
    print("  versions:", ", ".join(f"{key} {value}" for key, value in versions.items()))
    print("  command :", command())
    if as_json:
        print(
            json.dumps(
                {
                    "benchmark": title,
                    **figures,
                    "machine": machine(),
                    "versions": versions,
                    "command": command(),
                }
            )
        )

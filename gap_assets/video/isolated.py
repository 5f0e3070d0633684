"""Decoding in processes of their own, so that no file can take the run down with it.

Belongs here: starting and bounding the processes, and what the death of one says about a video.
Does not belong here: what they compute. This guards against crashes and floods, not against an
attacker who takes over the decoder: a process here has the rights of the run.
"""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from math import ceil
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from time import process_time
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import Limits

P = ParamSpec("P")
T = TypeVar("T")

# What a file does to its decoder; any other signal comes from outside.
CRASHES = {
    signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT,
}  # fmt: skip
SECONDS_OF_WAITING = 60


class InterruptedDecodingError(Exception):
    """The machine, not the file, kept a video from being decoded: another try may succeed."""


class DecoderProcesses:
    """Runs functions of one video file in worker processes, one for each thread that calls.

    A worker starts when it is needed (0.3 s of CPU), is used again, and is replaced when it dies.
    """

    def __init__(self, *, limits: Limits):
        self._limits = limits
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kills the workers, also those at work; a later call starts new ones."""
        self._idle.clear()
        for worker in list(self._all):
            self._end(worker)

    def run(
        self, function: Callable[Concatenate[Path, P], T], path: Path, *a: P.args, **k: P.kwargs
    ) -> T:
        """Returns `function(path, ...)`, such as `extract_frames` or `probe`, from a worker.

        Args:
            function: A function of a module; its arguments and its result are pickled.
            path: The video file.
            *a: Further arguments of the function.
            **k: Further keyword arguments of the function.

        Raises:
            UnreadableVideoError: The function raised it, or the video crashed its decoder or used
                up the CPU seconds (twice those for decoding) or the memory of one video.
            InterruptedDecodingError: The file could not be read in time, or the worker was killed
                from outside.
        """
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker(self._limits)
            self._all.add(worker)
        try:
            answer = worker.ask((function, path, a, k), name=path.name)
        except BaseException:
            self._end(worker)
            raise
        self._idle.append(worker)
        if isinstance(answer, Exception):
            raise answer
        return cast("T", answer)

    def _end(self, worker: "_Worker") -> None:
        self._all.discard(worker)
        worker.process.kill()
        worker.process.wait()


@cache
def resident_processes(limits: Limits) -> DecoderProcesses:
    """The workers that a process keeps from run to run; they end when it does."""
    return DecoderProcesses(limits=limits)


class _Worker:
    """One worker process and the pipe to it."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.pipe, theirs = Pipe()
        # A plain process instead of multiprocessing's: that would fork a process with threads and
        # a GPU, or import the caller's main module, all of Dagster, into every worker.
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", f"import {__name__} as i; i.work({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is the run's business.
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            )

    def ask(self, call: object, *, name: str) -> object:
        """Has the worker make a call on the file of this name; any exception ends the worker."""
        cpu_seconds = 2 * self.limits.max_decode_seconds
        patience = 2 * cpu_seconds + SECONDS_OF_WAITING
        try:
            self.pipe.send((call, cpu_seconds, self.limits.max_memory))
            if not self.pipe.poll(patience):
                raise InterruptedDecodingError(
                    f"Decoding {name} made no end in {patience:.0f} s; check that its disk answers."
                )
            answer: object = pickle.loads(self.pipe.recv_bytes())  # noqa: S301
        except (EOFError, ConnectionError):
            raise self._death(name) from None
        if isinstance(answer, MemoryError):
            raise UnreadableVideoError(
                f"{name} needs more memory than the {self.limits.max_memory / 2**30:.3g} GiB that"
                " one video may use."
            )
        return answer

    def _death(self, name: str) -> Exception:
        status = self.process.wait()
        if -status in CRASHES:
            return UnreadableVideoError(
                f"{name} crashes its decoder ({signal.strsignal(-status)}): the file is damaged."
            )
        if -status == signal.SIGXCPU:
            return UnreadableVideoError(
                f"{name} keeps its decoder busy for more than"
                f" {2 * self.limits.max_decode_seconds:g} s without end."
            )
        reason = signal.strsignal(-status) if status < 0 else f"status {status}"
        return InterruptedDecodingError(
            f"The process that decoded {name} was ended from outside ({reason}), as happens where"
            " the machine's memory runs out."
        )


def work(descriptor: int) -> None:
    """What a worker process does: it answers calls until the other end of the pipe closes."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Connection(descriptor) as pipe, suppress(EOFError, ConnectionError):  # The run has ended.
        while True:
            (function, path, a, k), cpu_seconds, memory = pipe.recv()
            # The kernel keeps these limits, also when the run that set them is gone.
            busy_until = ceil(process_time() + cpu_seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (busy_until, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.RLIM_INFINITY))
            try:
                answer = pickle.dumps(function(path, *a, **k))
            except UnreadableVideoError as error:
                answer = pickle.dumps(error)
            except MemoryError:
                answer = pickle.dumps(MemoryError())
            except Exception as error:
                unexpected = RuntimeError(f"{type(error).__name__}: {error}")
                unexpected.add_note(traceback.format_exc())
                answer = pickle.dumps(unexpected)
            pipe.send_bytes(answer)

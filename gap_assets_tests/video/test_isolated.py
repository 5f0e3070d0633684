"""Decoding in worker processes: what a file does to its worker stays with that file."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gap_assets.video import isolated
from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import Limits
from gap_assets.video.frames import extract_frames
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError
from gap_assets.video.probe import probe
from gap_assets.video.sampling import FramesPerSecond
from gap_assets_tests.video.clips import write_clip

VIDEO = Path("video.mp4")


def pid(_: Path) -> int:
    return os.getpid()


def crash(_: Path) -> None:
    ctypes.string_at(1)


def spin(_: Path) -> None:
    while True:
        pass


def sleep(_: Path) -> None:
    time.sleep(60)


def grow(_: Path) -> None:
    bytearray(2**30)


def die(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stumble(_: Path) -> None:
    raise ValueError("not foreseen")


def alive(worker: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return False


@pytest.fixture
def processes(monkeypatch):
    monkeypatch.setattr(isolated, "SECONDS_OF_WAITING", 600)
    with DecoderProcesses(limits=Limits(max_decode_seconds=0.4, max_memory=2**29)) as started:
        yield started


def test_a_worker_gives_what_the_function_gives(tmp_path, processes):
    clip = write_clip(tmp_path / "clip.mp4")
    asked = {"sampling": FramesPerSecond(rate=2.0), "short_side": 32}
    assert processes.run(extract_frames, clip, **asked) == extract_frames(clip, **asked)
    assert processes.run(probe, clip) == probe(clip)


def test_a_worker_is_used_again_also_after_a_refusal(tmp_path, processes):
    first = processes.run(pid, VIDEO)
    with pytest.raises(UnreadableVideoError, match=r"video\.mp4 is not a file that exists"):
        processes.run(probe, tmp_path / VIDEO)
    assert processes.run(pid, VIDEO) == first != os.getpid()


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        (crash, r"video\.mp4 crashes its decoder \(Segmentation fault\): the file is damaged\."),
        (spin, r"video\.mp4 keeps its decoder busy for more than 0\.8 s without end\."),
        (grow, r"video\.mp4 needs more memory than the 0\.5 GiB that one video may use\."),
    ],
)
def test_what_a_file_does_is_said_of_the_file(processes, deed, sentence):
    before = processes.run(pid, VIDEO)
    with pytest.raises(UnreadableVideoError, match=f"^{sentence}$"):
        processes.run(deed, VIDEO)
    assert processes.run(pid, VIDEO) != before
    assert not alive(before)


def test_what_the_machine_does_is_not(processes, monkeypatch):
    with pytest.raises(InterruptedDecodingError, match=r"ended from outside \(Killed\)"):
        processes.run(die, VIDEO)
    monkeypatch.setattr(isolated, "SECONDS_OF_WAITING", 0)
    with pytest.raises(InterruptedDecodingError, match=r"made no end in 2 s; check that its disk"):
        processes.run(sleep, VIDEO)


def test_a_mistake_of_ours_keeps_its_traceback(processes):
    with pytest.raises(RuntimeError, match=r"ValueError: not foreseen") as error:
        processes.run(stumble, VIDEO)
    assert "in stumble" in error.value.__notes__[0]


def test_neighbours_go_on(processes):
    def ask(index: int) -> object:
        try:
            return processes.run(crash if index % 5 == 2 else pid, VIDEO)
        except UnreadableVideoError:
            return None

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(ask, range(30)))
    assert [index for index, value in enumerate(found) if value is None] == list(range(2, 30, 5))
    assert len({*found} - {None}) <= 3 + 6


def test_no_process_is_left_behind():
    with DecoderProcesses(limits=Limits()) as started, ThreadPoolExecutor(1) as thread:
        idle = started.run(pid, VIDEO)
        busy = thread.submit(started.run, sleep, VIDEO)
        while started._idle:
            time.sleep(0.01)
        started.__exit__(None, None, None)
        assert isinstance(busy.exception(), InterruptedDecodingError)
    assert not alive(idle)


@pytest.mark.parametrize("deed", ["pid", "spin"])
def test_workers_end_with_a_run_that_is_killed(deed):
    script = f"""
from concurrent.futures import ThreadPoolExecutor
from gap_assets.video.decode import Limits
from gap_assets.video.isolated import DecoderProcesses
from gap_assets_tests.video.test_isolated import VIDEO, {deed}, pid
processes = DecoderProcesses(limits=Limits(max_decode_seconds=0.5))
print(processes.run(pid, VIDEO), flush=True)
processes.run({deed}, VIDEO)
input()
"""
    command = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    worker = int(run.stdout.readline())
    assert alive(worker)
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 30
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker)

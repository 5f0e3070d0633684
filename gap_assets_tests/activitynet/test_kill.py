"""`kill -9` at any point leaves whole videos, and a later call ends as an undisturbed one."""

import multiprocessing
import random
import time

import pytest

from gap_assets_tests.activitynet.conftest import STEM, contents
from gap_assets_tests.activitynet.victim import fetch

KILLED = -9


@pytest.fixture(scope="module")
def start():
    """Starts a process that fetches, without importing everything anew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gap_assets_tests.activitynet.victim"])

    def call(*arguments):
        process = context.Process(target=fetch, args=arguments)
        process.start()
        return process

    return call


def check(folder, dataset) -> set[str]:
    """What must hold after a kill; returns the pieces that are whole."""
    videos = contents(folder / "videos") if (folder / "videos").exists() else {}
    assert videos.items() <= dataset.videos.items()
    assert videos == dataset.videos or not (folder / "videos.json").exists()
    pieces = [path for path in folder.glob("pieces/*/*") if path.suffix != ".incomplete"]
    assert all(path.read_bytes() == dataset.files[path.name] for path in pieces)
    return {path.name for path in pieces}


def check_end(folder, dataset) -> None:
    assert contents(folder / "videos") == dataset.videos
    assert {path.name for path in (folder / "videos").iterdir()} == set(dataset.videos)
    files = {".lock", "captions", "videos", "videos.json"}
    assert {path.name for path in folder.iterdir()} == files
    assert contents(folder / "captions").items() <= dataset.files.items()
    assert len(contents(folder / "captions")) == 3


def steps_of(start, tmp_path, hub) -> int:
    process = start(tmp_path / "undisturbed", hub.endpoint, 0, tmp_path / "steps")
    process.join()
    assert process.exitcode == 0
    return int((tmp_path / "steps").read_text())


def kill_at(steps, start, tmp_path, hub, dataset) -> None:
    for step in steps:
        folder = tmp_path / str(step)
        process = start(folder, hub.endpoint, step)
        process.join()
        assert process.exitcode == KILLED, step
        check(folder, dataset)
        process = start(folder, hub.endpoint)
        process.join()
        assert process.exitcode == 0, step
        check_end(folder, dataset)


def test_a_kill_at_some_steps(start, tmp_path, hub, dataset):
    total = steps_of(start, tmp_path, hub)
    kill_at(random.Random(1).sample(range(1, total), 12), start, tmp_path, hub, dataset)


@pytest.mark.slow
def test_a_kill_at_every_step(start, tmp_path, hub, dataset):
    total = steps_of(start, tmp_path, hub)
    kill_at(range(1, total), start, tmp_path, hub, dataset)


def test_one_kill_after_another_at_random_times(start, tmp_path, hub, dataset):
    folder = tmp_path / "activitynet"
    pieces_before: set[str] = set()
    wait = random.Random(2)
    hub.faults.chunk_s = 0.05
    kills = 0
    while True:
        process = start(folder, hub.endpoint)
        # Ever longer, so that it comes to an end on a machine that is busy, too.
        time.sleep(wait.uniform(0, 0.2 + 0.01 * kills**2))
        process.kill()
        process.join()
        if process.exitcode == 0:
            break
        kills += 1
        pieces = check(folder, dataset)
        assert pieces_before <= pieces or contents(folder / "videos") == dataset.videos
        pieces_before = pieces
    assert kills >= 10
    assert hub.sent < 3 * sum(len(c) for n, c in dataset.files.items() if STEM in n)
    check_end(folder, dataset)

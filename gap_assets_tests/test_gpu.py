"""gap_assets_tests.test_gpu."""

import logging
import subprocess
import sys
import weakref

import pytest
import torch

from gap_assets import gpu
from gap_assets.gpu import BatchSize, compute_device, describe_device, free_memory

HOLD = """
import sys
from pathlib import Path
from gap_assets.gpu import lease
print(lease(["GPU-a", "GPU-b"], leases=Path(sys.argv[1]), pause_s=0.05), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(tmp_path):
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "leases")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_each_process_has_its_own_gpu_and_a_killed_one_gives_it_back(worker):
    first, second = worker(), worker()
    taken = {int(first.stdout.readline()), int(second.stdout.readline())}
    assert taken == {0, 1}
    third = worker()
    assert "All 2 GPUs are leased by other processes" in third.stderr.readline()
    second.kill()
    assert int(third.stdout.readline()) in taken


@pytest.fixture
def one_gpu(monkeypatch):
    """What torch says where there is one GPU, and the device that was made the current one."""
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda name: current.append(torch.device(name)))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(gpu, "_leased", lambda: 0)
    return current


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_a_gpu_is_named_with_its_index(name, one_gpu):
    # torch.cuda.set_device refuses a device without an index.
    assert compute_device(name) == "cuda:0"
    assert [device.index for device in one_gpu] == [0]
    with pytest.raises(ValueError, match="'cuda:7' was asked for, and there are 1 GPUs"):
        compute_device("cuda:7")


def test_a_driver_that_torch_cannot_use_is_said(monkeypatch, tmp_path, caplog):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    gpu._unused_driver.cache_clear()
    monkeypatch.setattr(gpu, "DRIVER", tmp_path)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert compute_device("auto") == "cpu"
    assert "driver does not work with torch's CUDA 13.0; update it; the models" in caplog.text
    with pytest.raises(ValueError, match="driver does not work"):
        compute_device("cuda")
    gpu._unused_driver.cache_clear()


def test_a_device_has_a_name_and_memory():
    assert describe_device("cpu") == "the CPU"
    assert free_memory("cpu") > 2**26


def test_the_size_is_halved_for_good_until_the_parts_fit(caplog):
    tried, freed = [], []
    size = BatchSize(8, free=lambda: freed.append(1))

    def work(part: list[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > 3:
            raise torch.OutOfMemoryError
        return part

    with caplog.at_level(logging.WARNING):
        assert list(size.parts([*range(10)], work)) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
        assert list(size.parts([*range(3)], work)) == [[0, 1], [2]]
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2, 1]
    assert len(freed) == 2
    assert [record.args for record in caplog.records] == [(4,), (2,)]


def test_what_fits_is_known_to_the_next_call_of_the_same_kind():
    fits, tried = {}, []

    def work(part: list[int]) -> None:
        tried.append(len(part))
        if len(part) > 2:
            raise torch.OutOfMemoryError

    for kind in ("frames", "frames", "texts"):
        list(BatchSize(4, fits=fits, kind=kind).parts([1, 2, 3, 4], work))
    assert tried == [4, 2, 2, 2, 2, 4, 2, 2]
    assert BatchSize(1, fits=fits, kind="frames").most == 1


def test_items_of_different_weight_are_halved_by_weight():
    tried = []

    def work(part: list[int]) -> None:
        tried.append(part)
        if sum(part) > 10:
            raise torch.OutOfMemoryError

    size = BatchSize(16, weigh=sum)
    assert len(list(size.parts([8, 8, 4, 4, 1, 1], work))) == 4
    assert tried == [[8, 8], [8], [8], [4, 4], [1, 1]]
    assert size.most == 8


def test_less_than_a_batch_is_halved_too():
    tried = []

    def work(part: list[int]) -> None:
        tried.append(len(part))
        if len(part) > 1:
            raise torch.OutOfMemoryError

    assert len(list(BatchSize(64).parts([1, 2, 3], work))) == 3
    assert tried == [3, 2, 1, 1, 1]


def test_one_item_that_does_not_fit_fails():
    def work(_: list[int]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        list(BatchSize(4).parts([1, 2], work))


def test_what_the_failed_pass_held_is_gone_when_memory_is_given_back():
    held: list[weakref.ref[torch.Tensor]] = []

    def work(part: list[int]) -> None:
        activations = torch.empty(4)
        held.append(weakref.ref(activations))
        if len(part) > 1:
            raise torch.OutOfMemoryError

    def check() -> None:
        assert [tensor() for tensor in held] == [None] * len(held)

    assert len(list(BatchSize(4, free=check).parts([*range(4)], work))) == 4
    assert len(held) == 2 + 4

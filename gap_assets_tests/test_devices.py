import subprocess
import sys

import pytest
import torch

from gap_assets import devices
from gap_assets.devices import compute_device, describe_device, free_memory

HOLD = """
import sys
from pathlib import Path
from gap_assets.devices import lease
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
    monkeypatch.setattr(devices, "_leased", lambda: 0)
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
    devices._unused_driver.cache_clear()
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert compute_device("auto") == "cpu"
    assert "driver does not work with torch's CUDA 13.0; update it; the models" in caplog.text
    with pytest.raises(ValueError, match="driver does not work"):
        compute_device("cuda")
    devices._unused_driver.cache_clear()


def test_a_device_has_a_name_and_memory():
    assert describe_device("cpu") == "the CPU"
    assert free_memory("cpu") > 2**26

import subprocess
import sys

import pytest

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

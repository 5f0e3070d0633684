"""Free memory, as the kernel tells it to a container of either version of control groups."""

import pytest

from gap_assets.memory import Memory, machine_memory


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path):
    """A machine with 1,000 kB, of which 900 are available."""
    write(tmp_path, {"proc/meminfo": "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 900 kB\n"})
    return tmp_path


def test_this_machine_has_some():
    found = machine_memory()
    assert found
    assert 2**26 < found.free < found.total


def test_a_machine_without_containers(root):
    assert machine_memory(root) == Memory(free=900 * 1024, total=1000 * 1024)


def test_a_system_without_proc(tmp_path):
    assert machine_memory(tmp_path) is None


V1 = ("sys/fs/cgroup/memory/", "limit_in_bytes", "usage_in_bytes", "total_inactive_file")
V2 = ("sys/fs/cgroup/", "max", "current", "inactive_file")


@pytest.mark.parametrize(("names", "line"), [(V1, "4:cpu,memory:"), (V2, "0::")], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("own", "where"),
    [("/pod/box", "pod/"), ("/pod/box", ""), ("/", "")],
    ids=["around it", "host's path", "its own root"],
)
def test_the_tightest_group_counts_and_files_can_be_taken_back(root, names, line, own, where):
    mount, limit, used, files = names
    group = f"{mount}{where}memory."
    write(root, {"proc/self/cgroup": f"9:cpuset:/\n{line}{own}\n"})
    write(root, {group + limit: "5000", group + used: "4000", group + "stat": f"x 7\n{files} 300"})
    assert machine_memory(root) == Memory(free=1300, total=5000)
    write(root, {group + limit: "max" if names is V2 else str(2**63)})
    assert machine_memory(root) == Memory(free=900 * 1024, total=1000 * 1024)

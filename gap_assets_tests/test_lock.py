"""The lock holds, with its hash, a wheel of every package for each Python that is supported."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def locked_hashes(lock: Path) -> dict[str, set[str]]:
    """Package to the hashes of its files, of all the versions that the lock has."""
    hashes: dict[str, set[str]] = {}
    for entry in re.split(r"^(?=\w)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if package := re.match(r"[\w.-]+", entry):
            found = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
            hashes.setdefault(package[0], set()).update(found)
    return hashes


@pytest.mark.slow  # Asks the package index, but downloads no wheel.
@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-cluster.lock"])
def test_every_package_has_a_wheel_with_a_hash_of_the_lock(lock, python, tmp_path):
    chosen = tmp_path / "pylock.toml"
    command = [UV, "pip", "compile", lock, "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", python, "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--format", "pylock.toml", "--quiet", "-o", chosen]
    subprocess.run(command, check=True, cwd=ROOT)
    packages = tomllib.loads(chosen.read_text(encoding="utf-8"))["packages"]
    known = locked_hashes(ROOT / lock)
    assert len(packages) > 100
    for package in packages:
        offered = {wheel["hashes"]["sha256"] for wheel in package["wheels"]}
        assert offered & known[package["name"]], package["name"]

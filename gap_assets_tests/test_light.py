"""The light library: what its wheel holds, what that imports, and that its numbers are the same."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import grimp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gap_assets import gap
from gap_assets.gap.command import main
from gap_assets_tests.gap.conftest import simulated

ROOT = Path(__file__).parents[1]
LIGHT = ROOT / "light"
COMMANDS = re.findall(r"^\$ (modality-gap .*)$", (LIGHT / "README.md").read_text("utf-8"), re.M)
ALONE = """
import sys
class Only:  # Packages that are known; others are as if they were not installed.
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *where):
        top = name.partition(".")[0]
        known = top in sys.stdlib_module_names | {known} or top.startswith("_sysconfigdata")
        return self.finder.find_spec(name, *where) if known else None
# The finder of an editable install would add the platform's modules.
own = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
sys.meta_path[:] = [Only(finder) for finder in own]
"""


def depended_on() -> set[str]:
    """The packages that come with the light library: its dependencies, and theirs."""
    project = tomllib.loads((LIGHT / "pyproject.toml").read_text("utf-8"))["project"]
    asked, found = list(project["dependencies"]), set()
    while asked:
        requirement = Requirement(asked.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and (not requirement.marker or requirement.marker.evaluate()):
            found.add(name)
            asked += requires(name) or []
    return {
        package
        for package, sources in packages_distributions().items()
        if found & {canonicalize_name(source) for source in sources}
    }


def environment(**more):
    return os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"} | more


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by this environment's setuptools from copies of the two folders."""
    place = tmp_path_factory.mktemp("light")
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", "models")
    for folder in (LIGHT, ROOT / "gap_assets"):
        shutil.copytree(folder, place / folder.name, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run([*command, "--no-index", "-w", place, place / "light"], check=True)
    [built] = place.glob("modality_gap-*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def arrays(tmp_path):
    """The files that the README's commands name."""
    pairs = simulated(40, 8, gap=1.0)
    for name in ("video", "text"):
        np.save(tmp_path / f"{name}.npy", getattr(pairs, name))
    np.savez(tmp_path / "both.npz", video=pairs.video, text=pairs.text)
    columns = {"video": list(pairs.video), "text": list(pairs.text)}
    pq.write_table(pa.table(columns), tmp_path / "pairs.parquet")
    return pairs


def test_the_wheel_holds_the_science_what_it_imports_and_nothing_else(wheel):
    graph = grimp.build_graph("gap_assets", cache_dir=None)
    imported = graph.find_upstream_modules("gap_assets.gap", as_package=True)
    science = ROOT / "gap_assets" / "gap"
    files = {str(path.relative_to(ROOT)) for path in science.rglob("*") if path.is_file()}
    expected = {name for name in files if "__pycache__" not in name}
    expected |= {f"{module.replace('.', '/')}.py" for module in imported - {"gap_assets"}}
    expected |= {"gap_assets/__init__.py", "gap_assets/notebook/__init__.py"}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected


def test_it_asks_for_what_the_platform_asks_for():
    platform = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    light = tomllib.loads((LIGHT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [each for some in light["optional-dependencies"].values() for each in some]
    assert {*light["dependencies"], *extras} <= {*platform["dependencies"]}
    assert light["requires-python"] == platform["requires-python"]
    assert (LIGHT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_it_works_where_nothing_else_is_installed(unpacked, tmp_path, arrays):
    known = depended_on()
    assert {"numpy", "PIL", "jinja2"} <= known
    assert not known & {"umap", "numba", "pyarrow", "polars", "torch", "dagster", "pydantic"}
    code = f"""{ALONE.format(known=known | {"gap_assets"})}
import doctest
import gap_assets
assert gap_assets.__file__.startswith({str(unpacked)!r}), gap_assets.__file__
failed, tried = doctest.testfile({str(LIGHT / "README.md")!r}, module_relative=False)
assert tried > 10 and not failed
from gap_assets.gap.command import main
assert main({shlex.split(COMMANDS[1])[1:]}) == 0
assert main({shlex.split(COMMANDS[3])[1:]}) == 1
try:
    gap_assets.open("data")
except ModuleNotFoundError as error:
    assert "only its light library modality-gap; install gap_assets" in str(error)
else:
    raise AssertionError
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PYTHONPATH=str(unpacked)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    same_numbers(json.loads(run.stdout), gap.as_json(gap.scorecard(arrays.video, arrays.text)))
    assert run.stderr.startswith(
        "modality-gap: pairs.parquet needs pyarrow, which is not installed"
    )
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "UMAP&#39;s pictures are left out, for umap-learn is not installed here." in page
    drawn = {path.stem for path in (tmp_path / "report" / "figures").iterdir()}
    assert {"projections", "gap_axis", "histograms"} <= drawn
    assert "stability" not in drawn


def same_numbers(found, expected):
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        bounds = {kind: value for kind, value in numbers.items() if value is not None}
        same = {kind: value for kind, value in found[name].items() if value is not None}
        assert same == pytest.approx(bounds, rel=1e-9, abs=1e-12), name


def test_the_table_and_parquet(tmp_path, arrays, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(COMMANDS[0])[1:]) == 0
    assert re.search(r"^centroid_gap_debiased +\d\.\d{3} \[", capsys.readouterr().out, re.M)
    parquet = shlex.split(COMMANDS[3])[1:]
    assert main([*parquet[: parquet.index("--report")], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    same_numbers(found, gap.as_json(gap.scorecard(arrays.video, arrays.text)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--video", "no.npy", "--text", "no.npy"], "no.npy cannot be read: there is no such file"),
        (["--video", "video.npy", "--text", "both.npz"], "both.npz has 2 arrays (video, text)"),
        (
            ["--video", "video.npy", "--text", "text.npy", "--report", "video.npy"],
            "video.npy is a file; name a folder",
        ),
    ],
)
def test_what_a_user_can_fix_is_one_sentence(
    tmp_path, arrays, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith("modality-gap: ")
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.slow  # Fetches 100 MB.
@pytest.mark.timeout(900)
def test_it_installs_alone_and_gives_the_platforms_numbers(wheel, tmp_path, arrays):
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "pip", "install", "--quiet", wheel], check=True)
    alone = environment(PATH=f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def run(*command):
        ran = subprocess.run(
            command, env=alone, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return ran.stdout

    run(home / "bin" / "python", "-m", "doctest", LIGHT / "README.md")
    found = json.loads(run(*shlex.split(COMMANDS[1])))
    files = ["--video", tmp_path / "video.npy", "--text", tmp_path / "text.npy"]
    platform = subprocess.run(
        [Path(sys.executable).with_name("gap"), "metrics", *files, "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = json.loads(platform.stdout)
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():  # Other versions of the libraries: nearly the same.
        assert found[name]["value"] == pytest.approx(numbers["value"], rel=1e-6, abs=1e-9), name
    told = run(*shlex.split(COMMANDS[2]))
    assert told.startswith("The modality gap exists here")
    assert told.endswith("report/report.html\n")
    assert sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) < 400e6

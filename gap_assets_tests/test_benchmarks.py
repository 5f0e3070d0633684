import importlib.metadata as metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gap_assets.gap import scorecard
from gap_assets.profiles import PROFILES
from gap_assets_tests.gap.conftest import simulated

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("table", BENCHMARKS / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_says_what_the_results_say(table):
    page = table.README.read_text(encoding="utf-8")
    assert table.with_table(page) == page


def test_every_result_can_be_repeated_and_names_no_folder_of_one_machine(table):
    assert table.results()
    for result in table.results():
        assert {"cpu", "cores", "memory_gib", "system"} <= result["machine"].keys()
        assert "python" in result["versions"]
        assert (BENCHMARKS / f"{table.script(result)}.py").is_file()
        assert not re.search(r"(?<!\w)/\w", result["command"])


def test_every_row_belongs_to_a_script(table):
    assert all((BENCHMARKS / f"{name}.py").is_file() for name in table.ROWS)


def test_every_script_that_the_readme_names_is_there():
    named = re.findall(r"\b(\w+\.py)\b", (BENCHMARKS / "README.md").read_text(encoding="utf-8"))
    assert {"captions.py", "sampling.py", "pipeline.py", "gpu.py"} <= set(named)
    assert all((BENCHMARKS / name).is_file() for name in named)


def distributions_of(*names: str) -> set[str]:
    """These and what they require, by their canonical names."""
    found: set[str] = set()
    wanted = [canonicalize_name(name) for name in names]
    while wanted:
        if (name := wanted.pop()) not in found:
            found.add(name)
            requirements = map(Requirement, metadata.requires(name) or [])
            wanted += [
                canonicalize_name(requirement.name)
                for requirement in requirements
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ]
    return found


def test_the_gpu_part_runs_with_nothing_but_torch_open_clip_av_and_numpy(tmp_path):
    """In an environment of links to these, without the site-packages of this one."""
    present = distributions_of("torch", "open_clip_torch", "av", "numpy")
    assert not present & {"dagster", "duckdb", "polars", "scipy", "transformers", "typer"}
    for name in present:
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            link = tmp_path / top
            if not link.exists():
                link.symlink_to(distribution.locate_file(top))
    options = f"--model {PROFILES['embedded'].coca} --device cpu --batches 2 --frames 2 --json"
    done = subprocess.run(
        [sys.executable, "-S", BENCHMARKS / "gpu.py", "--baseline-frames=1", *options.split()],
        env=os.environ
        | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{BENCHMARKS.parent}", "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
    )
    assert json.loads(done.stdout.splitlines()[-1])["greedy_ratio_to_notebook"] > 0


def test_the_coverage_of_every_interval_is_counted(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("counted", BENCHMARKS / "coverage.py")
    counted = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "counted", counted)
    spec.loader.exec_module(counted)
    pairs = simulated(30, 8)
    found = scorecard(pairs.video, pairs.text, bootstraps=20, permutations=19)
    assert {row.name for row in found if row.ci_low is not None} == set(counted.BOUNDED)
    once = counted.coverage("demo", 12, repeats=2)
    assert set(once.percent) == set(counted.BOUNDED)
    pooled = counted.pooling_coverage("demo", 12, repeats=2)
    assert set(pooled.percent) == set(counted.OF_POOLING)
    told = counted.verdicts(0.3, 12, repeats=2, copies=True)
    assert 0 <= told.present + told.smaller <= 100
    assert "| 0.3 |" in counted.markdown([once], [], [told])

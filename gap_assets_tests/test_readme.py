"""The commands and the Python of README.md and docs: that they exist, and that they work.

Each `gap` line is parsed by the command itself; `pytest -m slow` also runs those of the README in
their order. Real models are taken to a hub by `gap_assets_tests/hub`; here the embedded ones run in
their place.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer

from gap_assets.cli import app
from gap_assets.cli.app import EXAMPLES

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
GUIDES = [README, *sorted((CHECKOUT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VALUES = {"ID": "world-0000", "OTHER_ID": "world-0001", "FILE": "rows.parquet"}
WITHOUT_A_HUB = re.compile(r" --models hub| --encoders \S+")
STAYS = re.compile(r"gap (explore|dev)\b")  # commands that go on until they are stopped


def blocks(guide: Path, language: str) -> list[str]:
    text = guide.read_text(encoding="utf-8")
    return [content for found, content in FENCE.findall(text) if found == language]


def commands(guide: Path) -> Iterator[str]:
    """The `gap` and `make` lines of a guide, each in one piece, from blocks and from sentences."""
    for block in blocks(guide, ""):
        said = re.sub(r"\n  +", " ", block)
        for line in said.splitlines():
            command = line.removeprefix("$ ")
            if re.match(r"(gap|make) ", command):
                yield command


def in_sentences(guide: Path) -> Iterator[str]:
    """The commands between backticks that are more than a name."""
    text = FENCE.sub("", guide.read_text(encoding="utf-8"))
    for found in re.findall(r"`(gap [a-z-]+ [^`]+)`", text):
        if "…" not in found:
            yield re.sub(r"\s+", " ", found)


ALL = [
    pytest.param(command, id=f"{guide.stem}: {command}")
    for guide in GUIDES
    for command in dict.fromkeys([*commands(guide), *in_sentences(guide)])
]
HELP = [line for line in EXAMPLES.splitlines() if line.startswith("gap ")]


@pytest.mark.parametrize("command", [*ALL, *HELP])
def test_the_command_takes_what_the_guides_give_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
        assert words[0] in targets
        return
    gap = typer.main.get_command(app)
    with gap.make_context("gap", list(words)) as context:
        name, found, rest = gap.resolve_command(context, words)
        assert found is not None
        for path in rest:  # What options ask to exist.
            if path.endswith((".json", ".txt")):
                (tmp_path / path).write_text("{captions}")
        found.make_context(name, rest, parent=context)


def test_make_targets_in_sentences_exist():
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", README.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_links_lead_somewhere():
    for guide in GUIDES:
        for target in re.findall(r"\]\(([^)#]+)", guide.read_text(encoding="utf-8")):
            assert target.startswith("http") or (guide.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_readme_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("BROWSER", "true")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("GAP_DATA")
    for command in commands(README):
        if command.startswith("make"):
            if command == "make demo":
                run("gap demo --data data/demo")
                shutil.copytree("data/demo/videos", "VIDEOS")
                shutil.copy("VIDEOS/world-0000.mp4", "VIDEOS/one.mp4")
                shutil.copy("data/demo/videos/captions.jsonl", "captions.json")
            continue
        run(WITHOUT_A_HUB.sub("", command))
    random = np.random.default_rng(0)
    for name in ("video", "text"):
        np.save(f"{name}.npy", random.normal(size=(50, 8)) + 1)
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})
    assert Path("report/report.html").exists()


def run(command: str) -> None:
    words = [VALUES.get(word, word) for word in shlex.split(command)]
    if STAYS.match(command):
        with subprocess.Popen([*words, "--no-open"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            process.terminate()
        return
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

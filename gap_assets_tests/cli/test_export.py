"""The command `gap export`, and every line of docs/export.md."""

import os
import re
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.export.conftest import IDS, fill
from gap_assets_tests.services import free_port

GUIDE = Path(__file__).parents[2] / "docs" / "export.md"


def export(*arguments: object):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture
def data(tmp_path) -> Path:
    fill(Warehouse(path=tmp_path / "data" / "gap.duckdb"), "/films")
    return tmp_path / "data"


def blocks(language: str) -> str:
    text = GUIDE.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return "\n".join(block for of, block in found if of == language)


def get(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")


def test_the_guides_lines_run(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    monkeypatch.setenv("HF_HOME", str(data.parent / "cache"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in blocks("").split("\n"):
        if "http.server" in line:
            port = free_port()
            command = [sys.executable, *line.split()[1:], str(port), "-b", "127.0.0.1"]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
                try:
                    page = get(f"http://127.0.0.1:{port}/")
                    assert b"<script" in page
                    assert b'"ids"' in get(f"http://127.0.0.1:{port}/data/points.json")
                finally:
                    server.terminate()
        else:
            subprocess.run(line, shell=True, check=True, env=os.environ | {"PATH": path})
    assert zipfile.is_zipfile("mine.zip")
    seen = (
        "assert vectors.shape == (13, 4), vectors.shape\n"
        "assert about[b'comment'].startswith(b'As fused')\n"
        "assert len(worst) == 10 and worst['cosine'].is_sorted()\n"
        "assert len(videos) == 13 and len(frames) == 39\n"
        "assert picture.size == (20, 10) and isinstance(caption, str)\n"
    )
    assert len(IDS) == 14
    subprocess.run([sys.executable, "-c", blocks("python") + seen], check=True)


def test_it_says_sizes_first_what_is_left_out_and_how_to_serve_it(data, tmp_path):
    done = export(tmp_path / "my export", "--data", data, "--no-pictures")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    before, after = said.split("dataset 1/")[0], said.split("Written")[1]
    assert "Will be written, about" in before
    assert "pictures are left out, which saves" in before
    assert f"python -m http.server -d '{tmp_path}/my export'" in after
    assert "There is no report yet" in after
    done = export(tmp_path / "my.zip", "--data", data)
    assert "unpack it to serve it" in done.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [("data", "is no earlier export"), ("file", "is a file"), ("data/gap.zip", "is no earlier")],
)
def test_what_it_would_destroy_is_refused(data, tmp_path, target, sentence):
    (tmp_path / "file").write_text("")
    (data / "gap.zip").write_text("")
    done = export(tmp_path / target, "--data", data)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert Warehouse(path=data / "gap.duckdb").tuples("SELECT 1 FROM videos")


def test_wrong_options_and_folders_are_one_sentence(data, tmp_path):
    assert "holds no warehouse" in export(tmp_path / "a", "--data", tmp_path / "none").stderr
    assert export(tmp_path / "a", "--data", data, "--thumbnails", "-1").exit_code == 2
    assert export("", "--data", data).exit_code == 2
    assert export(tmp_path / "a", "--data", data, "--thumbnails", "inf").exit_code == 2
    Warehouse(path=tmp_path / "new" / "gap.duckdb").write(lambda connection: None)
    assert "no embeddings yet" in export(tmp_path / "a", "--data", tmp_path / "new").stderr
    assert not (tmp_path / "a").exists()


def test_it_waits_while_a_run_writes(data, tmp_path):
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True)"
    hold += "; sys.stdin.read()"
    holder = [sys.executable, "-c", hold, data / "gap.duckdb"]
    words = ["export", tmp_path / "out", "--data", data]
    pipe = subprocess.PIPE
    with subprocess.Popen(holder, stdin=pipe, stdout=pipe) as run:
        run.stdout.readline()
        command = [sys.executable, "-m", "gap_assets.cli", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, text=True) as export:
            assert "Waiting for the warehouse" in export.stderr.readline()
            run.stdin.close()
            said = export.stderr.read()
    assert export.returncode == 0, said
    assert (tmp_path / "out" / "index.html").exists()

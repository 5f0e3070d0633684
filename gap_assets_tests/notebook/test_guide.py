"""What a notebook does: the cells of docs, and the report inside a cell."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gap_assets
from gap_assets.notebook import show_report

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "notebook.md"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HEAVY = "torch dagster duckdb polars pydantic numpy IPython"


def run_cell(line: str, names: dict[str, Any]) -> Any:
    """One line as IPython runs it: `!` to the shell with names filled in; else the last value."""
    if line.startswith("!"):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = line[1:].format(**names)
        return subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": path})
    *first, last = ast.parse(line).body
    exec(compile(ast.Module(first, []), line, "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), line, "eval"), names)
    exec(compile(ast.Module([last], []), line, "exec"), names)
    return None


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds, on a busy machine
def test_the_guides_lines_run(tmp_path, world, monkeypatch):
    shutil.copytree(world, tmp_path / "videos")
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text(encoding="utf-8")
    text = text.replace("--models hub", "--models embedded")  # the hub's are too large for a test
    text = text.replace("/path/to/the/drive", str(tmp_path / "my drive"))
    five, keep, restore, opened = blocks(text)
    names: dict[str, Any] = {}

    install, *rest = five.splitlines()
    assert install.startswith("!pip")
    *_, report, tables = [run_cell(line, names) for line in rest]
    assert "Modality gap" in report._repr_html_()
    assert len(tables) == len(list(world.glob("*.mp4")))
    for line in opened.splitlines():
        run_cell(line, names)

    for line in [*keep.splitlines(), *keep.splitlines(), "!rm -r data", *restore.splitlines()]:
        run_cell(line, names)
    before = (tmp_path / "data" / "report" / "report.html").stat().st_mtime_ns
    run_cell(rest[1], names)  # Nothing is made again.
    assert (tmp_path / "data" / "report" / "report.html").stat().st_mtime_ns == before
    assert len(run_cell(rest[3], names)) == len(tables)


def test_the_lines_on_an_open_folder_run(made_in_file):
    [*_, opened] = blocks(GUIDE.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"gap_assets": gap_assets, "DATA": made_in_file.data}
    *_, figure, report = [run_cell(line, names) for line in opened.splitlines()]
    assert names["video"].shape == names["text"].shape
    assert len(names["times"]) == len(names["images"]) > 0
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "Modality gap" in report._repr_html_()


def test_the_notebook_on_own_embeddings_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # As in the light library: UMAP takes longest, and other tests draw it.
    monkeypatch.setattr("gap_assets.gap.projections.umap_is_installed", lambda: False)
    notebook = json.loads((DOCS / "own_embeddings.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells)
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells]
    assert "Ten numbers" in shown[1]._repr_html_()
    assert "The modality gap exists here" in capsys.readouterr().out
    assert shown[2]["gap"] == "present"
    assert shown[4].html.exists()
    given = names["found"].metrics["centroid_gap_debiased"]
    assert shown[5].value == pytest.approx(given.value)
    assert shown[6] < given.value / 10


def test_the_package_itself_is_light():
    code = f"import gap_assets, sys; sys.exit(bool(sys.modules.keys() & {HEAVY.split()}))"
    assert {"open", "show_report"} <= set(dir(gap_assets))
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_a_report_the_error_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no report in .*nowhere yet; `gap run` makes it"):
        show_report(tmp_path / "nowhere")


def test_the_folder_is_that_of_the_command_line(monkeypatch, tmp_path):
    page = tmp_path / "mine" / "report" / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text('<title>a "quoted" & é</title>', encoding="utf-8")
    monkeypatch.setenv("GAP_DATA", str(tmp_path / "mine"))
    shown = show_report(height=321)
    assert shown.page == page
    assert repr(shown) == f"InlinePage(page={page!r}, height=321)"
    assert 'srcdoc="&lt;title&gt;a &quot;quoted&quot; &amp; é&lt;/title&gt;"' in shown._repr_html_()
    assert "height: 321px" in shown._repr_html_()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [1000, 400])
def test_a_cell_shows_the_report(made_in_file, width, tmp_path):
    from playwright.sync_api import sync_playwright

    cell = tmp_path / "cell.html"
    frame = show_report(made_in_file.data, height=500)._repr_html_()
    cell.write_text(f"<!doctype html><div style='margin: 0 20px'>{frame}</div>", encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 700})
        page.goto(cell.as_uri())
        shown = page.frame_locator("iframe")
        shown.locator("h1").wait_for()
        assert shown.locator("img").first.evaluate("picture => picture.naturalWidth") > 0
        inside = shown.locator("html")
        sizes = inside.evaluate("page => [page.scrollWidth, page.clientWidth, page.scrollHeight]")
        assert sizes[0] == sizes[1] > width - 80  # Nothing is cut off at the right.
        assert sizes[2] > 500
        assert page.locator("iframe").bounding_box()["height"] == 500
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()

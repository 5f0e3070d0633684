"""Texts and names of files that would like to be commands reach every surface as plain text."""

import os
import pty
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.conftest import remembered
from gap_assets_tests.dagster.test_service import CHROMIUM, Server
from gap_assets_tests.faults.conftest import gap

TITLE, CLEAR = "\x1b]0;owned\x07", "\x1b[2J\x9b31m"
HOSTILE = [
    "'; DROP TABLE frame_captions; --",
    "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>",
    "</script><svg/onload=window.owned=1>{{ 7*7 }}${7*7}{% raw %}",
    f"{TITLE}{CLEAR}[red]a dog[/red] \u202egod a",
    "![x](javascript:window.owned=1) [a](file:///etc/passwd) %s %(x)s {0} \\u0000",
]
NAMES = [
    "'; DROP TABLE videos; --.mp4",
    "<img src=x onerror=window.owned=1>.mp4",
    "-rf --help.mp4",
    "a\nb\tc\rd.mp4",
    f"{TITLE}{CLEAR}.mp4",
    "*?[a-z]{1,2}~$HOME`id`$(id)|&;.mp4",
    "%s %(name)s {0} \\ \" '.mp4",
    "...mp4",
    "\u202egod\u200b 視頻 🎬 e\u0301.mp4",
    "film...end.mp4",
    "é" * 120 + ".mp4",
]
NOT_UTF8 = b"\xff\xfe\x80.mp4"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, world) -> Settings:
    """A run over films of such names, whose captions and summaries are such texts."""
    from gap_assets.coca import engine
    from gap_assets.dagster.runs import run_everything
    from gap_assets.summaries import answers

    videos = tmp_path_factory.mktemp("odd") / "videos"
    videos.mkdir()
    films = sorted(world.glob("*.mp4"))
    for number, name in enumerate([*map(os.fsencode, NAMES), NOT_UTF8]):
        film = films[number % len(films)].read_bytes()
        Path(videos, os.fsdecode(name)).write_bytes(
            film + bytes([0, 0, 0, 9]) + b"free" + b"%c" % number
        )
    sentences = pl.DataFrame(
        {
            "video_id": [Path(name).stem for name in NAMES],
            "caption": [HOSTILE[n % len(HOSTILE)] for n in range(len(NAMES))],
            "sentences": [[HOSTILE[n % len(HOSTILE)], HOSTILE[0]] for n in range(len(NAMES))],
            "timestamps": [[[0.0, 1.0], [1.0, 9.0]]] * len(NAMES),
        }
    )
    sentences.write_ndjson(videos / "captions.jsonl")
    caption, clean = engine._text, answers.clean

    def with_hostile(text: str) -> str:
        return f"{text} {HOSTILE[len(text) % len(HOSTILE)]}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_text", lambda *given: with_hostile(caption(*given)))
        patch.setattr(answers, "clean", lambda text: with_hostile(clean(text)))
        settings = remembered(tmp_path_factory.mktemp("hostile") / "data", videos)
        run_everything(settings)
    return settings


def test_all_of_it_is_in_the_warehouse_as_it_was(hostile):
    warehouse = Warehouse(path=hostile.warehouse)
    assert set(TABLES) <= set(warehouse.query("SHOW TABLES")["name"])
    listed = warehouse.read("SELECT path, status FROM videos ORDER BY path")
    names = {Path(path).name: status for path, status in listed.iter_rows()}
    assert names == {**dict.fromkeys(NAMES, "ok"), r"\xff\xfe\x80.mp4": "unreadable"}
    counts = current_status(hostile).counts()
    assert counts["frames"] == {"current": len(NAMES), "failed": 1}
    assert counts["reference_captions"]["current"] == len(NAMES)
    references = warehouse.read("SELECT caption FROM reference_captions")["caption"]
    assert set(references) == set(HOSTILE)
    said = warehouse.read("SELECT DISTINCT sentence FROM event_embeddings")["sentence"]
    assert set(said) == set(HOSTILE)
    for table, column in (("frame_captions", "caption"), ("video_summaries", "summary")):
        texts = warehouse.read(f"SELECT DISTINCT {column} AS text FROM {table}")["text"]
        assert all(any(text.endswith(end) for end in HOSTILE) for text in texts), texts


class _Page(HTMLParser):
    """The elements and attributes of a page, as a browser would find them."""

    def __init__(self, html: str):
        super().__init__()
        self.scripts, self.handlers, self.links = 0, [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value for name, value in attrs if name in {"href", "src"}]


def test_the_report_shows_it_as_text(hostile):
    html = (hostile.report / "report.html").read_text(encoding="utf-8")
    page = _Page(html)
    assert not page.scripts
    assert not page.handlers
    assert not [link for link in page.links if "javascript:" in link or link.startswith("file:")]
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(html)
    assert "&lt;" in html or "DROP TABLE" in html


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_browser_shows_it_as_text(hostile, tmp_path):
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    pages = ["assets/videos", "assets/reference_captions", "assets/video_summaries", "runs"]
    server = Server(hostile.data, hostile.videos)
    try:
        server.wait(lambda: server.ask("{ version }"), seconds=240)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.on("dialog", lambda dialog: pytest.fail(dialog.message))
            report = (hostile.report / "report.html").as_uri()
            for number, url in enumerate([report, *(f"{server.url}/{page}" for page in pages)]):
                page.goto(url, wait_until="domcontentloaded")
                page.wait_for_timeout(5000)
                page.screenshot(path=tmp_path / f"{number}.png")
                assert page.evaluate("window.owned") is None
            browser.close()
    finally:
        os.killpg(server.process.pid, signal.SIGTERM)
        server.process.wait(60)


def _on_a_terminal(*arguments: object) -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gap_assets.cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            said += (part := os.read(ours, 65536))
        except OSError:  # the end of a terminal
            break
        if not part:
            break
    process.wait()
    os.close(ours)
    return said.decode()


@pytest.mark.parametrize("table", ["videos", "frame_captions", "video_summaries", "failures"])
def test_a_terminal_is_not_commanded(hostile, table):
    said = _on_a_terminal("query", f"FROM {table}", "--data", hostile.data)
    assert "\x1b]" not in said
    assert "\x1b[2J" not in said
    assert "\x9b" not in said
    assert "\u202e" not in said


def test_a_run_over_such_names_says_nothing_that_commands(hostile):
    for arguments in (["run"], ["status"], ["run", hostile.data / f"{TITLE}{CLEAR}"]):
        done = gap(*arguments, "--data", hostile.data)
        assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr), done


def test_each_name_can_be_estimated(hostile):
    done = gap("estimate", hostile.videos, "--json", "--data", hostile.data)
    assert done.returncode == 0, done.stderr
    assert f'"videos": {len(NAMES) + 1}' in done.stdout

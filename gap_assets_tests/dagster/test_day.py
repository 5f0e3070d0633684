"""A data engineer's day in the UI, walked in a real browser on a real daemon.

Run with `pytest -m browser`; `-o tmp_path_retention_policy=all` keeps the screenshots.
"""

import os
import shutil
import threading
import time
from contextlib import closing

import duckdb
import pytest

from gap_assets.warehouse.snapshot import snapshot_path
from gap_assets_tests.dagster.test_service import ARGUMENTS, CHROMIUM, Server, make_everything

EMPTY_BOX = b"\0\0\0\x08free"
HELD_S = 90  # long enough for a run to start and to wait
FPS_4 = {"resources": {"sampling": {"config": {"sampling": {"frames_per_second": {"rate": 4.0}}}}}}
QUESTIONS = [  # What is asked of the copy in plain DuckDB, and the answer.
    (
        """
        SELECT video_id FROM made_with JOIN (
          SELECT parameters AS usual FROM made_with WHERE asset = 'frames'
          GROUP BY ALL ORDER BY count(*) DESC LIMIT 1
        ) ON parameters <> usual WHERE asset = 'frames'
        """,
        "world-0001",
    ),
    ("SELECT video_id FROM failures", "broken"),
    ("SELECT count(*) FROM pairs WHERE worst_first = 1 AND summary IS NOT NULL", 1),
    (
        """
        SELECT value > 0.5 FROM headline_metrics
        WHERE metric = 'centroid_gap' AND encoder = 'embedded coca'
          AND video_source = 'mean' AND text_source = 'summary'
        """,
        True,
    ),
    ("SELECT count(*) > 3 FROM captions_over_time WHERE video_id = 'another'", True),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory, world):
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    videos = shutil.copytree(world, tmp_path_factory.mktemp("videos") / "videos")
    served = Server(tmp_path_factory.mktemp("served") / "data", videos, videos_per_run=100)
    served.wait(lambda: served.ask("{ version }"), seconds=240)
    yield served
    os.killpg(served.process.pid, 15)
    served.process.wait(60)


@pytest.fixture
def look(server, tmp_path):
    """Opens a page of the UI, waits for some texts and takes a picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1500, "height": 1100})

        def open_and_wait(address: str, *texts: str, name: str):
            page.goto(f"{server.url}{address}", wait_until="domcontentloaded")
            for text in texts:
                page.get_by_text(text).first.wait_for(timeout=90_000)
            page.screenshot(path=tmp_path / f"{name}.png")
            return page

        yield open_and_wait
        browser.close()


@pytest.mark.browser
@pytest.mark.timeout(3600)
def test_a_day(server, look, tmp_path):
    make_everything(server)
    videos, warehouse = server.settings.videos, server.settings.warehouse

    # New files come, one of them broken; a notebook keeps the warehouse open meanwhile.
    # An empty box at its end makes a copy another file: copies are left out.
    (videos / "another.mp4").write_bytes((videos / "world-0003.mp4").read_bytes() + EMPTY_BOX)
    (videos / "broken.mp4").write_bytes(b"no video at all")
    server.launch("catalogue")
    notebook = duckdb.connect(warehouse, read_only=True)
    threading.Timer(HELD_S, notebook.close).start()
    started = time.monotonic()
    run_id = server.launch("per_video", video="another")
    assert time.monotonic() - started > HELD_S
    page = look(f"/runs/{run_id}", "RUN_SUCCESS", name="run")
    page.get_by_placeholder("Filter…").first.fill("Waiting")  # Far from the end of the log.
    page.get_by_text("Waiting for the warehouse").first.wait_for(timeout=90_000)
    page.screenshot(path=tmp_path / "waiting.png")
    server.launch("per_video", video="broken")
    one = server.launch("per_video", video="world-0001", config=FPS_4)
    page = look(f"/runs/{one}", "RUN_SUCCESS", name="run-of-one")
    page.get_by_placeholder("Filter…").first.fill("to do")
    page.get_by_text("1 videos; frames: 1 to do").first.wait_for(timeout=90_000)
    server.launch(
        "projections_and_report",
        assets=[
            *(
                "projection_model",
                "untrained_embeddings",
                "cone_profile",
                "pooling_profile",
                "gap_metrics",
            ),
            "gap_report",
        ],
        checks={"frames": ["one_configuration", "up_to_date"]},
    )

    # The broken one, the outlier and what is out of date are found by looking.
    partitions = "/assets/frames?view=partitions&partition="
    look(f"{partitions}broken", "Failed (1)", "is not a readable video", name="broken")
    look(f"{partitions}world-0001", "frames per second 4.0", name="outlier")
    look("/assets/frames?view=checks&checkDetail=one_configuration", "world-0001", name="check")
    look("/assets/frames?view=checks&checkDetail=up_to_date", "stale", name="stale")

    # A summary is read beside its frames.
    look(
        "/assets/video_summaries?view=partitions&partition=another",
        "captions read",
        name="summary",
    )
    page = look(f"{partitions}another", "frames at 0.", name="frames")
    page.get_by_text("[Show Markdown]").first.click()
    page.locator("img[src^='data:image/jpeg']").first.wait_for(timeout=30_000)
    page.screenshot(path=tmp_path / "filmstrip.png")

    # The report opens, and its picture is there without a click.
    page = look("/assets/gap_report?view=events", "modality gap", name="report-event")
    picture = page.locator("img[src$='preview.png']").first
    picture.wait_for(timeout=30_000)
    assert picture.evaluate("image => image.naturalWidth") > 100
    page.goto(page.get_by_role("link", name="report.html").first.get_attribute("href"))
    assert "modality gap" in page.inner_text("body").lower()
    page.screenshot(path=tmp_path / "report.png")

    with closing(duckdb.connect(snapshot_path(warehouse), read_only=True)) as connection:
        for query, answer in QUESTIONS:
            assert connection.execute(query).fetchall() == [(answer,)], query

"""`GAP_AUTOMATE` on a real daemon: files become a report, and new files another one, by themselves.

The sensor looks once a minute, and each look starts what comes next.
"""

import json
import os
import shutil
import signal

import pytest

from gap_assets.pipeline.status import current_status
from gap_assets.world.samples import write_video
from gap_assets.world.stories import draw_film
from gap_assets_tests.dagster.test_service import Server


@pytest.fixture
def automated(tmp_path, world):
    videos = shutil.copytree(world, tmp_path / "videos")
    server = Server(tmp_path / "data", videos, automate=True)
    try:
        server.wait(lambda: server.ask("{ version }"), seconds=240)
        yield server
    finally:
        os.killpg(server.process.pid, signal.SIGTERM)
        server.process.wait(120)


def reported(server: Server) -> int:
    """The videos that a finished report is of; 0 while something is not current."""
    page = server.settings.report / "report.json"
    if not page.exists() or current_status(server.settings).outdated:
        return 0
    rows = json.loads(page.read_text(encoding="utf-8"))["metrics"]
    return max(row["n"] for row in rows if row["metric"] == "centroid_gap_debiased")


@pytest.mark.service
@pytest.mark.timeout(2400)
def test_new_files_become_an_updated_report_without_a_hand(automated):
    first = automated.wait(lambda: reported(automated), seconds=1100)
    assert first >= 3
    write_video(draw_film(4242, 0, split="held-out"), automated.settings.videos / "arrived.mp4")
    assert automated.wait(lambda: reported(automated) == first + 1, seconds=1100)

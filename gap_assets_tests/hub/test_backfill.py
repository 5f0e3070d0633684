"""A backfill from the UI with the hub's models, which are chosen in the environment."""

import os

import pytest

from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings
from gap_assets_tests.dagster.test_service import FINAL, Server
from gap_assets_tests.hub.conftest import MODEL, PHI
from gap_assets_tests.hub.test_gap_run import assert_complete

pytestmark = [pytest.mark.service, pytest.mark.timeout(2400)]


def test_a_backfill_downloads_the_models_and_makes_everything(
    serve, tmp_path, world, b32, phi, monkeypatch
):
    hub = serve(b32, phi)
    chosen = {"GAP_MODELS": "hub", "GAP_COCA": MODEL, "GAP_SUMMARIZER": PHI, "GAP_ENCODERS": "none"}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    server = Server(tmp_path / "data", world, videos_per_run=16)
    try:
        server.wait(lambda: server.ask("{ version }"), seconds=240)
        server.launch("catalogue")
        backfill = server.backfill_everything()
        status = server.wait(lambda: {server.backfill_status(backfill)} & FINAL, seconds=2000)
    finally:
        os.killpg(server.process.pid, 15)
        server.process.wait(60)
    assert status == {"COMPLETED_SUCCESS"}
    assert len(hub.asked("/content/")) == 2
    assert_complete(tmp_path / "data")
    counts = current_status(Settings(data=tmp_path / "data")).counts()
    assert all(set(count) == {"current"} for count in counts.values()), counts

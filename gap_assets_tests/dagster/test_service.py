"""The Dagster UI on a real webserver and daemon, asked over GraphQL and looked at in a browser.

Run with `pytest -m service` and, with Chromium installed, `pytest -m browser`.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from gap_assets.graph import ROOTS, STEPS
from gap_assets.pipeline.status import current_status
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LOCATION = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "gap_assets.definitions",
}
ARGUMENTS = ["--no-sandbox", "--disable-background-networking"]
FINAL = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


class Server:
    """`gap dev` on a data folder of its own."""

    def __init__(self, directory: Path, world: Path, **values: object):
        self.settings = remember(
            directory,
            videos=world,
            captions=world / "captions.jsonl",
            frames_per_second=2.0,
            **{"videos_per_run": 3} | values,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "gap_assets.cli", "dev", "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--data", str(directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask(self, query: str, **variables: object) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            content = json.load(answer)
        assert not content.get("errors"), content
        return content["data"]

    def wait(self, condition, *, seconds: float):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except OSError:
                assert self.process.poll() is None, "the server has stopped"
            time.sleep(1)
        raise AssertionError("nothing happened in time")

    def launch(
        self,
        job: str,
        *,
        config: dict | None = None,
        video: str | None = None,
        assets: Sequence[str] = (),
        checks: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> str:
        """Runs a job, or some assets and checks of it, of one video if named, to its end."""
        selector: dict = {**LOCATION, "pipelineName": job}
        if assets or checks:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
            selector["assetCheckSelection"] = [
                {"assetKey": {"path": [asset]}, "name": name}
                for asset, names in checks.items()
                for name in names
            ]
        tags = [{"key": "dagster/partition", "value": video}] if video else []
        answer = self.ask(
            "mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {"
            " __typename ... on LaunchRunSuccess { run { runId } } } }",
            p={
                "selector": selector,
                "mode": "default",
                "runConfigData": config or {},
                "executionMetadata": {"tags": tags},
            },
        )["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id = answer["run"]["runId"]
        self.wait(lambda: self.run_status(run_id) in ("SUCCESS", "FAILURE"), seconds=480)
        assert self.run_status(run_id) == "SUCCESS"
        return run_id

    def run_status(self, run_id: str) -> str:
        found = self.ask(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id
        )
        return found["runOrError"]["status"]

    def backfill_everything(self) -> str:
        assets = [{"path": [asset]} for asset in STEPS if asset not in ROOTS]
        answer = self.ask(
            "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {"
            " __typename ... on LaunchBackfillSuccess { backfillId } } }",
            p={"assetSelection": assets, "allPartitions": True},
        )["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return answer["backfillId"]

    def backfill_status(self, backfill_id: str) -> str:
        found = self.ask(
            "query($id: String!) { partitionBackfillOrError(backfillId: $id) {"
            " ... on PartitionBackfill { status } } }",
            id=backfill_id,
        )
        return found["partitionBackfillOrError"]["status"]


@pytest.fixture(scope="module")
def server(tmp_path_factory, world):
    served = Server(tmp_path_factory.mktemp("served") / "data", world)
    served.wait(lambda: served.ask("{ version }"), seconds=240)
    yield served
    os.killpg(served.process.pid, 15)
    served.process.wait(60)


def make_everything(server: Server) -> None:
    server.launch("catalogue")
    backfill_id = server.backfill_everything()
    status = server.wait(lambda: {server.backfill_status(backfill_id)} & FINAL, seconds=1500)
    assert status == {"COMPLETED_SUCCESS"}


@pytest.mark.service
@pytest.mark.timeout(1800)
def test_a_backfill_of_everything_from_the_ui(server):
    make_everything(server)
    counts = current_status(server.settings).counts()
    assert all(set(count) == {"current"} for count in counts.values()), counts
    runs = Warehouse(path=server.settings.warehouse).read(
        "SELECT count(DISTINCT run_id) AS runs FROM materializations WHERE asset = 'frames'"
    )
    assert runs.item() == 2


@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_the_ui_shows_the_graph_and_the_report(server, tmp_path):
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    if not (server.settings.report / "report.html").exists():
        make_everything(server)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{server.url}/asset-groups", wait_until="domcontentloaded")
        for group in ("sources", "frames", "captions", "embeddings", "gap"):
            page.get_by_text(group, exact=True).first.wait_for(timeout=60_000)
        page.screenshot(path=tmp_path / "graph.png")
        page.goto(f"{server.url}/assets/frames", wait_until="domcontentloaded")
        page.get_by_text("The sampled frames of each video").first.wait_for(timeout=60_000)
        page.goto((server.settings.report / "report.html").as_uri())
        assert "modality gap" in page.inner_text("body").lower()
        browser.close()

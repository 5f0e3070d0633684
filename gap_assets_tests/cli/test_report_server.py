"""The report's server: this machine only, files only, gone with the process that started it."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

START = "from gap_assets.cli.report_server import start; import sys, pathlib, time"
CODE = f"{START}; print(start(pathlib.Path(sys.argv[1]), port=int(sys.argv[2])), flush=True)"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def fetch(url: str) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture
def served(tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.html").write_text("the report")
    (tmp_path / "secret").write_text("secret")
    command = [sys.executable, "-c", f"{CODE}; time.sleep(600)", report, str(free_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process, process.stdout.readline().strip()
    process.kill()
    process.wait()


def test_it_serves_the_report_and_nothing_beside_it(served):
    _, url = served
    assert url.startswith("http://127.0.0.1:")
    assert fetch(f"{url}/report.html") == b"the report"
    for path in ("", "..%2fsecret", "../secret", "%2e%2e/secret"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(f"{url}/{path}")


def test_it_ends_with_the_process_that_started_it(served):
    process, url = served
    fetch(f"{url}/report.html")
    process.kill()
    process.wait()
    host, port = url.removeprefix("http://").split(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.2)
    raise AssertionError("it still serves")

"""The viewer's server over HTTP: who gets what, and who gets nothing."""

import http.client
import io
import json
import shutil
import signal
import subprocess
import sys
import threading
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from gap_assets.settings import Settings
from gap_assets.viewer.page_files import PAGE
from gap_assets.viewer.pairs_shown import NothingToShowError, read_pairs_shown
from gap_assets.viewer.server import ViewerServer
from gap_assets.warehouse.store import Warehouse


def ask(server, path: str, *, method: str = "GET", token: str | None = None, **headers: str):
    """Status, headers and body of an address below the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    token = server.token if token is None else token
    connection.request(method, f"/{token}/{path}", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def told(server, path: str):
    status, _, body = ask(server, path)
    assert status == 200, body
    return json.loads(body)


def test_it_serves_the_page_and_the_pairs(server, made):
    for name, kind in PAGE.items():
        status, headers, body = ask(server, name)
        assert (status, headers["Content-Type"]) == (200, kind)
        assert body
    points = told(server, "data/points.json")
    shown = read_pairs_shown(made)
    assert points["ids"] == shown.video_ids == [f"world-{i:04d}" for i in range(5)]
    assert points["cosines"] == pytest.approx(shown.cosines.tolist(), abs=1e-5)
    cosines = dict(Warehouse(path=made.warehouse).tuples("SELECT video_id, cosine FROM pairs"))
    assert points["cosines"] == pytest.approx([cosines[video] for video in points["ids"]], abs=1e-4)
    [[x]] = Warehouse(path=made.warehouse).tuples(
        "SELECT x FROM projections WHERE method = 'svd' AND modality = 'text'"
        " AND video_id = 'world-0003'"
    )
    assert points["methods"]["svd"][2][3] == pytest.approx(x, abs=1e-5)
    texts = told(server, f"data/{points['version']}/texts.json")
    assert all(texts["summaries"])
    assert all(texts["human"])


def test_a_pair_has_its_frames_captions_and_pictures(server, made):
    version = told(server, "data/points.json")["version"]
    details = told(server, f"data/{version}/videos/2.json")
    warehouse = Warehouse(path=made.warehouse)
    rows = warehouse.tuples(
        "SELECT timestamp_s, caption, kept FROM captions_over_time"
        " WHERE video_id = 'world-0002' ORDER BY frame_index"
    )
    frames = [(frame["time"], frame["caption"], frame["kept"]) for frame in details["frames"]]
    assert frames == [(round(at, 2), caption, kept) for at, caption, kept in rows]
    assert any(kept for *_, kept in frames)
    assert not all(kept for *_, kept in frames)
    [[rank]] = warehouse.tuples("SELECT worst_first FROM pairs WHERE video_id = 'world-0002'")
    assert details["worst_first"] == rank
    assert details["file"] == "world-0002.mp4"
    status, _, jpeg = ask(server, f"data/{version}/strips/2.jpg")
    width, height = details["cell"]
    assert status == 200
    columns, lines = min(len(frames), 10), -(-len(frames) // 10)
    assert Image.open(io.BytesIO(jpeg)).size == (columns * width, lines * height)


def test_without_the_token_or_under_another_name_there_is_nothing(server):
    for token in ("", "wrong", server.token + "x", server.token[:-1]):
        assert ask(server, "index.html", token=token)[0] == 404
    assert ask(server, "index.html", Host="evil.example")[0] == 404
    assert ask(server, "index.html", Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *("../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "data/../gap.duckdb", "gap.duckdb"),
        *(
            "data/{v}/files/../../x",
            "data/{v}/files/5",
            "data/{v}/files/-1",
            "data/{v}/videos/99.json",
        ),
        *("data/{v}/files//etc/passwd", "data/{v}/strips/x.jpg", "page/app.js", "data/{v}/"),
    ],
)
def test_nothing_but_the_catalogue_is_served(server, path):
    version = told(server, "data/points.json")["version"]
    status, _, body = ask(server, path.format(v=version))
    assert status == 404
    assert "error" in json.loads(body)


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        (None, 200, slice(None)),
        ("bytes=0-", 206, slice(None)),
        ("bytes=10-19", 206, slice(10, 20)),
        ("bytes=10-999999999", 206, slice(10, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=-999999999", 206, slice(None)),
        ("bytes=5-4", 416, None),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=-", 416, None),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_a_video_is_served_by_ranges(server, world, asked, status, part):
    version = told(server, "data/points.json")["version"]
    whole = (world / "world-0001.mp4").read_bytes()
    headers = {} if asked is None else {"Range": asked}
    found, answered, body = ask(server, f"data/{version}/files/1", **headers)
    assert found == status
    if part is None:
        assert answered["Content-Range"] == f"bytes */{len(whole)}"
        assert body == b""
        return
    assert body == whole[part]
    assert answered["Content-Type"] == "video/mp4"
    if status == 206:
        start = whole.index(body) if body != whole else 0
        assert answered["Content-Range"] == f"bytes {start}-{start + len(body) - 1}/{len(whole)}"
    _, of_head, nothing = ask(server, f"data/{version}/files/1", method="HEAD", **headers)
    assert (of_head["Content-Length"], nothing) == (str(len(body)), b"")


def test_a_sentence_ranks_the_videos_by_the_coca_that_made_them(server, made):
    points = told(server, "data/points.json")
    texts = told(server, f"data/{points['version']}/texts.json")
    sentence = quote(texts["summaries"][4])
    found = told(server, f"data/{points['version']}/search?sentence={sentence}")
    shown = read_pairs_shown(made)
    by_video = {i: cosine for i, _, cosine in found["raw"]["items"]}
    for i, cosine in by_video.items():
        assert cosine == pytest.approx(float(shown.video[i] @ shown.text[4]), abs=1e-3)
    both = told(server, f"data/{points['version']}/search?sentence={sentence}&with_texts=1")
    assert both["raw"]["items"][0][:2] == [4, "text"]
    assert len(both["centred"]["items"]) == 10


@pytest.mark.parametrize("sentence", ["", "%20%20", "x" * 1001])
def test_a_sentence_that_says_nothing_is_refused(server, sentence):
    version = told(server, "data/points.json")["version"]
    status, _, body = ask(server, f"data/{version}/search?sentence={sentence}")
    assert status == 400
    assert json.loads(body)["error"]


def test_an_older_page_is_told_to_load_again(server):
    status, _, body = ask(server, "data/0123456789abcdef/videos/0.json")
    assert (status, "load the page again" in json.loads(body)["error"]) == (410, True)


def test_a_page_of_before_a_run_is_out_of_date_and_a_video_that_left_is_said(
    made_in_file, tmp_path
):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    with ViewerServer(settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        before = told(server, "data/points.json")
        warehouse = Warehouse(path=settings.warehouse)
        warehouse.write(
            lambda connection: connection.execute(
                "UPDATE videos SET path = path || '.gone' WHERE video_id = 'world-0000';"
                "DELETE FROM text_embeddings WHERE video_id = 'world-0004';"
                "DELETE FROM materializations WHERE video_id = 'world-0004'"
            )
        )
        gone = f"data/{before['version']}/files/0"
        assert ask(server, gone)[0] == 404
        after = told(server, "data/points.json")
        assert len(after["ids"]) == len(before["ids"]) - 1
        assert ask(server, gone)[0] == 410
        server.shutdown()


def test_frames_without_an_embedding_are_shown_without_a_cosine(made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    Warehouse(path=settings.warehouse).write(
        lambda connection: connection.execute("DELETE FROM frame_embeddings WHERE frame_index > 0")
    )
    with ViewerServer(settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        version = told(server, "data/points.json")["version"]
        frames = told(server, f"data/{version}/videos/0.json")["frames"]
        server.shutdown()
    assert frames[0]["cosine"] is not None
    assert {frame["cosine"] for frame in frames[1:]} == {None}


def test_another_coca_than_the_stored_one_does_not_search(made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    Warehouse(path=settings.warehouse).write(
        lambda connection: connection.execute("UPDATE materializations SET settings = 'other'")
    )
    with ViewerServer(settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        version = told(server, "data/points.json")["version"]
        status, _, body = ask(server, f"data/{version}/search?sentence=ball")
        server.shutdown()
    assert (status, "another CoCa" in json.loads(body)["error"]) == (409, True)


def test_an_empty_warehouse_is_said(settings):
    Warehouse(path=settings.warehouse).write(lambda _: None)
    with pytest.raises(NothingToShowError, match="gap run"):
        ViewerServer(settings)


def test_pairs_without_a_place_are_listed(made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    Warehouse(path=settings.warehouse).write(
        lambda connection: connection.execute(
            "DELETE FROM projections WHERE video_id = 'world-0001'"
        )
    )
    shown = read_pairs_shown(settings)
    assert np.isnan(shown.coordinates["umap"][1]).all()
    assert not np.isnan(shown.coordinates["umap"][[0, 2, 3, 4]]).any()


def test_the_command_prints_an_address_that_answers_until_it_is_stopped(made_in_file):
    command = [sys.executable, "-m", "gap_assets.cli", "explore", "--no-open"]
    command += ["--data", str(made_in_file.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        host, port, token = address.removeprefix("http://").replace("/", ":").split(":")[:3]
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request("GET", f"/{token}/")
        assert b"Videos and texts" in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert (host, process.returncode) == ("127.0.0.1", 0)
    assert "Stopped." in rest

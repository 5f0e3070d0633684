"""The page without a server of ours: as a folder of files, and as one file."""

import json
import re
import shutil

import pytest

from gap_assets.settings import Settings
from gap_assets.viewer import single_file
from gap_assets.viewer.page_files import PAGE
from gap_assets.viewer.single_file import TooManyPairsError, inline_page
from gap_assets.viewer.site import write_site
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.viewer.test_server import told

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 &lt; <img src=x onerror=alert(1)>"


def test_the_site_holds_what_the_server_says(made, server, tmp_path):
    written = write_site(made, tmp_path, thumbnails_bytes=50_000_000)
    assert (written.videos, written.without_pictures) == (5, 0)
    for name in PAGE:
        assert (tmp_path / name).read_bytes()
    points = json.loads((tmp_path / "data" / "points.json").read_bytes())
    served = told(server, "data/points.json")
    only_there = {"plays": False, "searches": False, "has_report": False}
    assert points == served | only_there
    folder = tmp_path / "data" / points["version"]
    address = f"data/{points['version']}"
    texts = json.loads((folder / "texts.json").read_bytes())
    assert texts == told(server, f"{address}/texts.json")
    for index in range(5):
        details = json.loads((folder / "videos" / f"{index}.json").read_bytes())
        assert details == told(server, f"{address}/videos/{index}.json")
    pictures = sum(file.stat().st_size for file in (folder / "strips").iterdir())
    assert pictures == written.thumbnails_bytes > 0
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or str(made.data).encode() not in file.read_bytes()


@pytest.mark.parametrize("allowed", [0, 3_000, 12_000, 40_000])
def test_thumbnails_take_what_they_may(made_in_file, tmp_path, allowed):
    written = write_site(made_in_file, tmp_path, thumbnails_bytes=allowed)
    files = [*tmp_path.rglob("*.jpg")]
    assert sum(file.stat().st_size for file in files) == written.thumbnails_bytes <= allowed
    assert len(files) == 5 - written.without_pictures
    assert len([*tmp_path.rglob("videos/*.json")]) == 5


def test_one_file_holds_everything_and_texts_stay_texts(made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    Warehouse(path=settings.warehouse).write(
        lambda connection: connection.execute("UPDATE video_summaries SET summary = ?", [HOSTILE])
    )
    page = inline_page(settings)
    assert page.count("<script>alert") == 0
    assert not re.search(r'(src|href)="(?!data:|report\.html)', page)
    assert "connect-src" not in page
    found = re.search(
        r'<script type="application/json" id="inside">(.*?)</script>', page, re.DOTALL
    )
    inside = json.loads(found[1])
    version = inside["data/points.json"]["version"]
    assert inside[f"data/{version}/texts.json"]["summaries"] == [HOSTILE] * 5
    assert inside[f"data/{version}/strips/4.jpg"].startswith("data:image/jpeg;base64,")
    assert inside[f"data/{version}/videos/4.json"]["summary"] == HOSTILE


def test_a_cell_holds_so_many_pairs_and_no_more(made_in_file, monkeypatch):
    monkeypatch.setattr(single_file, "MOST_VIDEOS", 4)
    with pytest.raises(TooManyPairsError, match="gap explore"):
        inline_page(made_in_file)

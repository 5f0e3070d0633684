"""The page in a real browser: what a person does with it, at two widths.

Run with `pytest -m browser`; `-o tmp_path_retention_policy=all` keeps the screenshots.
"""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import gap_assets
from gap_assets.settings import Settings
from gap_assets.viewer.pairs_shown import read_pairs_shown
from gap_assets.viewer.server import ViewerServer
from gap_assets.viewer.site import write_site
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.dagster.test_service import ARGUMENTS, CHROMIUM

pytestmark = pytest.mark.browser

PLAYED = """async () => {
    const film = document.querySelector("video");
    await film.play();
    await new Promise((done) => setTimeout(done, 500));
    return [film.currentTime, film.videoWidth];
}"""
WIDTHS = [(1400, 900), (400, 800)]


@pytest.fixture(params=WIDTHS, ids=lambda size: str(size[0]))
def page(request):
    """A page that reaches nothing but this machine, and whose errors count."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    width, height = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = browser.new_page(viewport={"width": width, "height": height})
        opened.errors = []
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.on("console", lambda said: said.type == "error" and opened.errors.append(said.text))
        opened.route(lambda url: "127.0.0.1" not in url, lambda route: route.abort())
        yield opened
        assert opened.errors == []
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()


@pytest.fixture
def static(made_in_file, tmp_path):
    """The site behind a plain HTTP server."""
    site = tmp_path / "site"
    site.mkdir()
    write_site(made_in_file, site, thumbnails_bytes=50_000_000)
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def names(page, where: str) -> list[str]:
    return page.locator(f"{where} .name").all_inner_texts()


def test_the_worst_pairs_are_found_played_and_searched(page, server, made, tmp_path):
    shown = read_pairs_shown(made)
    worst = [shown.video_ids[i] for i in shown.cosines.argsort()]
    page.goto(server.url)
    page.wait_for_selector("#list li")
    assert names(page, "#list") == worst
    page.screenshot(path=tmp_path / "start.png")

    page.click("#list li:first-child button")
    page.wait_for_selector("#pair .strip")
    assert page.inner_text("#pair h2") == worst[0]
    assert page.url.endswith(f"#video={worst[0]}")
    at, width = page.evaluate(PLAYED)
    assert at > 0.2
    assert width > 0
    page.locator("#pair .strip button").last.click()
    assert page.evaluate("document.querySelector('video').currentTime") > 1
    assert page.locator("#pair .strip .kept").count() >= 1
    page.screenshot(path=tmp_path / "pair.png", full_page=True)

    page.fill("#sentence", "a red ball")
    page.click("#search button")
    page.wait_for_selector("#hits .two", timeout=120_000)
    assert len(names(page, "#hits .two > div:first-child")) == 5
    page.check("#hits input[type=checkbox]")
    page.get_by_text("10 items").wait_for()
    assert "Of the 5 nearest, 4 are texts as embedded" in page.inner_text("#hits")
    page.screenshot(path=tmp_path / "search.png", full_page=True)


def test_a_point_is_hovered_chosen_and_a_region_is_listed(page, server, tmp_path):
    page.goto(server.url)
    page.wait_for_selector("#list li")
    page.click("[data-method=gap_axis]")
    box = page.locator("#over").bounding_box()
    place = "(i) => [scatter.places.text[2 * i], scatter.places.text[2 * i + 1]]"
    page.wait_for_timeout(300)
    x, y = page.evaluate(place, 3)
    page.mouse.move(box["x"] + x, box["y"] + y)
    tip = page.inner_text("#tip")
    name = tip.splitlines()[0]
    assert name.startswith("world-000")
    assert "text; cosine of the pair" in tip
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("#pair .strip")
    assert page.inner_text("#pair h2") == name

    page.click("#select")
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#over").bounding_box()
    corners = [(4, 4), (box["width"] - 4, 4), (box["width"] - 4, box["height"] - 4)]
    page.mouse.move(box["x"] + 4, box["y"] + box["height"] - 4)
    page.mouse.down()
    for right, down in corners:
        page.mouse.move(box["x"] + right, box["y"] + down, steps=4)
    page.mouse.up()
    page.get_by_text("5 pairs in the region").wait_for()
    # A click still chooses, and the region stays.
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#over").bounding_box()
    x, y = page.evaluate(place, 1)
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_selector("#pair .strip")
    page.click("#tab-list")
    assert "5 pairs in the region" in page.inner_text("#list")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=tmp_path / "region.png")
    assert max(page.evaluate("performance.getEntriesByName('hover').map((e) => e.duration)")) < 50


def test_a_link_opens_its_video_and_a_wrong_one_says_so(page, server):
    page.goto(f"{server.url}#video=world-0003")
    page.wait_for_selector("#pair .strip")
    assert page.inner_text("#pair h2") == "world-0003"
    page.goto(f"{server.url}#video=nobody")
    page.get_by_text("no pair named nobody").wait_for()


def test_a_film_that_is_gone_and_pairs_without_a_place_are_said(page, made_in_file, tmp_path):
    settings = Settings(data=shutil.copytree(made_in_file.data, tmp_path / "copy"))
    Warehouse(path=settings.warehouse).write(
        lambda connection: connection.execute(
            "UPDATE videos SET path = path || '.gone' WHERE video_id = 'world-0000';"
            "DELETE FROM projections WHERE video_id = 'world-0001';"
            "UPDATE gap_metrics SET n = 4"
        )
    )
    with ViewerServer(settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"{server.url}#video=world-0000")
        page.get_by_text("not where it was catalogued").wait_for()
        assert "1 pair has no place yet" in page.inner_text("#method-note")
        assert "of 4 pairs" in page.inner_text("#gap")
        server.shutdown()
    page.errors.clear()  # The browser tells of the file that is gone, too.


def test_the_site_needs_no_server_of_ours(page, static, tmp_path):
    page.goto(static)
    page.wait_for_selector("#list li")
    page.fill("#sentence", "WORLD-0002")
    page.click("#search button")
    assert names(page, "#list") == ["world-0002"]
    page.click("#list li button")
    page.wait_for_selector("#pair .strip")
    assert page.locator("video").count() == 0
    style = page.locator("#pair .picture").first.get_attribute("style")
    assert "strips/2.jpg" in style
    page.screenshot(path=tmp_path / "site.png", full_page=True)


def test_a_notebook_shows_it_in_a_frame_that_may_do_nothing_else(page, made_in_file, tmp_path):
    page.set_content(gap_assets.open(made_in_file.data).viewer()._repr_html_())
    inside = page.frame_locator("iframe")
    inside.locator("#sentence").fill("world-0003")
    inside.locator("#sentence").press("Enter")
    inside.get_by_text("1 pair", exact=True).wait_for()
    inside.locator("#list li button").first.click()
    inside.locator("#pair .strip .picture").first.wait_for()
    page.screenshot(path=tmp_path / "inline.png")

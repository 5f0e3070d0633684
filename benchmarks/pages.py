"""The Dagster UI's pages in a headless Chromium: how long the queries take that they ask."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from playwright.sync_api import Request, sync_playwright

QUIET_S = 2.0
PATIENCE_S = 180.0
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update"]


def look_at(
    url: str, pages: Mapping[str, str], *, into: Path
) -> Iterator[tuple[str, float | str | int]]:
    """Opens pages, waits until they ask nothing more, keeps a picture of each.

    Args:
        url: Of the webserver.
        pages: The path of each page, by name.
        into: The folder of the pictures.

    Yields:
        Seconds until the last answer that a page waited for, and its three slowest queries.
    """
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        asked: dict[Request, float] = {}
        answered: list[tuple[float, float, str]] = []

        def ask(request: Request) -> None:
            if "/graphql" in request.url:
                asked[request] = time.perf_counter()

        def answer(request: Request) -> None:
            if request in asked:
                name = str((request.post_data_json or {}).get("operationName"))
                now = time.perf_counter()
                answered.append((now, now - asked.pop(request), name))

        def fail(request: Request) -> None:
            asked.pop(request, None)

        page.on("request", ask)
        page.on("requestfinished", answer)
        page.on("requestfailed", fail)
        for name, path in pages.items():
            asked.clear()
            answered.clear()
            started = time.perf_counter()
            page.goto(url + path, wait_until="domcontentloaded")
            # The UI goes on asking for news; a page is there once its first questions are answered.
            last = started
            while time.perf_counter() - started < PATIENCE_S:
                page.wait_for_timeout(200)
                last = max([last, *(now for now, *_ in answered)])
                if answered and not asked and time.perf_counter() - last > QUIET_S / 2:
                    break
            skip = page.get_by_role("button", name="Skip")
            if skip.is_visible():
                skip.click()
            page.wait_for_timeout(1000 * QUIET_S)
            page.screenshot(path=into / f"{name}.png")
            yield f"page {name}: s", last - started
            slowest = sorted(answered, key=lambda item: -item[1])[:3]
            yield (
                f"page {name}: {len(answered)} queries, slowest",
                ", ".join(f"{query} {took:.2f} s" for _, took, query in slowest),
            )
        browser.close()

"""The viewer with 15,000 pairs in a headless Chromium: `python benchmarks/viewer.py --pairs 15000`.

Puts simulated pairs, with some frames each, into a warehouse; serves them as `gap explore` does and
writes them as `gap export` does. Measured in the page: the time to the first picture, what a hover
takes, a redraw while zooming, the way from a click to the strip; outside: files, bytes, seconds.
"""

import argparse
import io
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from common import report
from pages import ARGUMENTS
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from gap_assets.gap.projections import METHODS
from gap_assets.settings import Settings, remember
from gap_assets.viewer.pairs_shown import read_pairs_shown
from gap_assets.viewer.ranking import rank_by
from gap_assets.viewer.server import ViewerServer
from gap_assets.viewer.site import write_site
from gap_assets.warehouse.rows import replace_rows, typed_rows
from gap_assets.warehouse.store import Warehouse

SIDE = 128  # pixels of a simulated frame
HOVERS = 400
DRAW = """() => {
    const started = performance.now();
    scatter.drawBase();
    return performance.now() - started;
}"""
PACKAGES = ("duckdb", "polars", "pillow", "playwright")

Figures = Iterator[tuple[str, float | int | str]]


def vectors(count: int, dimensions: int, *, offset: int) -> np.ndarray:
    """Unit rows around one direction, which is another for each offset."""
    random = np.random.default_rng(offset)
    rows = random.normal(0, 0.6 / np.sqrt(dimensions), (count, dimensions)).astype(np.float32)
    rows[:, offset] += 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def picture() -> bytes:
    """A JPEG as large as one of a real frame of this size."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return buffer.getvalue()


def fill(settings: Settings, *, pairs: int, frames: int, dimensions: int) -> None:
    """Writes simulated rows of all tables that the viewer reads."""
    ids = [f"v_{index:06d}" for index in range(pairs)]
    column = pl.Array(pl.Float32, dimensions)
    sides = {"video": vectors(pairs, dimensions, offset=0)}
    sides["text"] = vectors(pairs, dimensions, offset=1)
    says = [
        f"simulated sentence number {i} about nothing much, as long as usual" for i in range(pairs)
    ]
    video = {
        "videos": typed_rows(
            "videos",
            [
                (v, f"/videos/{v}.mp4", 1, 1, "mp4", "h264", 320, 240, 0, 30.0, 60.0, "ok", None, v)
                for v in ids
            ],
        ),
        "video_embeddings": pl.DataFrame(
            {"video_id": ids, "fusion": "mean", "norm": 1.0, "n_frames": frames}
        ).with_columns(pl.Series("embedding", sides["video"], dtype=column)),
        "frame_embeddings": pl.DataFrame({"video_id": ids, "frame_index": 0}).with_columns(
            pl.Series("embedding", sides["video"], dtype=column)
        ),
        "text_embeddings": pl.DataFrame({"video_id": ids, "source": "summary"}).with_columns(
            pl.Series("embedding", sides["text"], dtype=column)
        ),
        "video_summaries": pl.DataFrame({"video_id": ids, "summary": says}),
        "projections": pl.concat(
            pl.DataFrame(
                {
                    "video_id": ids,
                    "modality": modality,
                    "method": method,
                    "x": places[0],
                    "y": places[1],
                }
            )
            for method in METHODS
            for modality, places in (
                ("video", np.random.default_rng(1).normal(2, 1, (2, pairs))),
                ("text", np.random.default_rng(2).normal(-2, 1, (2, pairs))),
            )
        ),
        "materializations": pl.DataFrame(
            {"asset": "projections", "video_id": ids, "config_hash": "", "settings": ""}
        ),
    }
    jpeg = picture()

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        for table, rows in video.items():
            replace_rows(connection, table, rows, where={})
        connection.execute(
            "INSERT INTO frames BY NAME SELECT video_id, k AS frame_index, k * 1.0 AS timestamp_s,"
            " ? AS image, 1 AS repeats FROM (SELECT DISTINCT video_id FROM videos), range(?) t(k)",
            [jpeg, frames],
        )
        connection.execute(
            "INSERT INTO frame_captions BY NAME SELECT video_id, frame_index,"
            " 'a simulated caption of frame ' || frame_index AS caption FROM frames"
        )
        connection.execute(
            "INSERT INTO filtered_captions BY NAME SELECT video_id, frame_index AS rank,"
            " frame_index, caption, 1 AS cluster_size FROM frame_captions WHERE frame_index % 4 = 0"
        )

    Warehouse(path=settings.warehouse).write(work)


def measured(page: Page, url: str, *, pictures: Path) -> Figures:
    """What the page itself measures."""
    page.goto(url)
    page.wait_for_selector("#list li")
    yield (
        "first_picture_s",
        page.evaluate("performance.getEntriesByName('first picture')[0].startTime / 1000"),
    )
    page.screenshot(path=pictures / "start.png")
    box = page.locator("#over").bounding_box()
    assert box
    random = np.random.default_rng(3)
    for x, y in random.uniform(0.1, 0.9, (HOVERS, 2)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    hovers = page.evaluate("performance.getEntriesByName('hover').map((entry) => entry.duration)")
    yield "hovers", len(hovers)
    yield "hover_median_ms", float(np.median(hovers))
    yield "hover_greatest_ms", float(max(hovers))
    draws = [page.evaluate(DRAW) for _ in range(10)]
    yield "redraw_of_all_points_and_lines_ms", float(np.median(draws))
    started = time.perf_counter()
    page.click("#list li:first-child button")
    page.wait_for_selector("#pair .strip")
    yield "click_to_strip_s", time.perf_counter() - started
    page.screenshot(path=pictures / "pair.png")


def figures(args: argparse.Namespace, data: Path) -> Figures:
    """All figures, in order."""
    settings = remember(data, videos=data)
    fill(settings, pairs=args.pairs, frames=args.frames, dimensions=args.dimensions)
    yield "pairs", args.pairs
    yield "frames", args.frames
    yield "dimensions", args.dimensions
    started = time.perf_counter()
    shown = read_pairs_shown(settings)
    yield "read_s", time.perf_counter() - started
    started = time.perf_counter()
    rank_by(shown.text[0], shown, with_texts=True)
    yield "search_without_the_model_s", time.perf_counter() - started
    with ViewerServer(settings) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        yield from measured(page, server.url, pictures=data)
        browser.close()
        server.shutdown()
    site = data / "site"
    site.mkdir()
    started = time.perf_counter()
    written = write_site(settings, site, thumbnails_bytes=50_000_000)
    yield "site_s", time.perf_counter() - started
    yield "site_frames_a_video", written.frames
    yield "site_thumbnails_mb", written.thumbnails_bytes / 1e6
    sizes = [file.stat().st_size for file in site.rglob("*") if file.is_file()]
    yield "site_files", len(sizes)
    yield "site_mb", sum(sizes) / 1e6
    yield "peak_memory_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15_000)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--keep", type=Path, help="A folder for the data and the screenshots.")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = args.keep or Path(temporary)
        found = dict(figures(args, data))
    report("simulated pairs in the viewer", figures=found, packages=PACKAGES, as_json=args.json)


if __name__ == "__main__":
    main()

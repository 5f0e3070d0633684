"""A small warehouse of odd names and texts, and an export of a data folder that was run."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from gap_assets.export.parts import write_export
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.faults.test_hostile_texts import HOSTILE, NAMES
from gap_assets_tests.rows import put

SIZE = 4
IDS = [*(Path(name).stem for name in NAMES), r"\xff\xfe\x80", "../../etc/passwd", "v" * 3000]
LONG = "a dog " * 20_000


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (number % 256, 10, 10)).save(buffer, "JPEG")
    return buffer.getvalue()


def unit(n: int, seed: int) -> pl.Series:
    rows = np.random.default_rng(seed).normal(size=(n, SIZE)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return pl.Series(rows, dtype=pl.Array(pl.Float32, SIZE))


def fill(warehouse: Warehouse, folder: str) -> None:
    """Rows of all kinds of texts; the last video has no frames, the one before no summary."""
    texts = [*HOSTILE, LONG, "", "x\ny\r\tz", "\N{RIGHT-TO-LEFT OVERRIDE}\N{GRINNING FACE}"]
    seen = IDS[:-1]
    paths = [f"{folder}/{n}/a 'b' {n}.mp4" for n in range(len(IDS))]
    errors = [f"{path}: /usr/lib/codec cannot read it." for path in paths]
    frames = [(video, frame) for video in seen for frame in range(3)]
    vectors = {"embedding": unit(len(frames), 1)}
    of_videos = {"embedding": unit(len(seen), 2), "norm": 1.0, "n_frames": 3}
    of_texts = {"embedding": unit(len(seen) - 1, 3), "norm": 1.0, "n_tokens": 3, "truncated": False}
    columns = {
        "video_id": pl.Series([video for video, _ in frames]),
        "frame_index": pl.Series([frame for _, frame in frames], dtype=pl.Int32),
    }

    def says(n: int) -> str:
        return texts[n % len(texts)]

    put(
        warehouse,
        {
            "videos": typed_rows(
                "videos",
                [
                    (v, path, 9, 1, "mp4", "h264", 20, 10, 0, 8.0, 3.0, "ok", error, "hash")
                    for v, path, error in zip(IDS, paths, errors, strict=True)
                ],
            ),
            "frames": typed_rows(
                "frames",
                [(v, f, float(f), 20, 10, jpeg(n), 1 + f) for n, (v, f) in enumerate(frames)],
            ),
            "frame_captions": typed_rows(
                "frame_captions", [(v, f, says(n), -0.5) for n, (v, f) in enumerate(frames)]
            ),
            "filtered_captions": typed_rows(
                "filtered_captions", [(v, 0, 1, says(n), 3, [0, 1, 2]) for n, v in enumerate(seen)]
            ),
            "video_summaries": typed_rows(
                "video_summaries",
                [(v, says(n), 1, False, True, 0.0, None) for n, v in enumerate(seen[:-1])],
            ),
            "frame_embeddings": pl.DataFrame(columns | vectors),
            "video_embeddings": pl.DataFrame({"video_id": seen, "fusion": "mean"} | of_videos),
            "text_embeddings": pl.DataFrame(
                {"video_id": seen[:-1], "source": "summary"} | of_texts
            ),
        },
        where={"video_id": IDS},
    )


@pytest.fixture
def odd(warehouse, tmp_path) -> Settings:
    """A data folder whose warehouse, of each kind, holds hostile names and texts."""
    fill(warehouse, str(tmp_path / "it's <films>"))
    return remember(
        tmp_path / "data", warehouse=str(warehouse.path), videos=tmp_path / "it's <films>"
    )


@pytest.fixture(scope="session")
def exported(made, tmp_path_factory) -> Path:
    """The export of a data folder that was run, with a warehouse of each kind."""
    target = tmp_path_factory.mktemp("export") / "out"
    write_export(made, target, thumbnails_bytes=10**7, pictures=True)
    return target

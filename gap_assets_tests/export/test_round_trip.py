"""What comes back from the files, by `datasets`, polars and DuckDB, is what the warehouse holds."""

import io

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from gap_assets.export.dataset_rows import STRIP
from gap_assets.export.parts import write_export
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.export.conftest import IDS, SIZE


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`datasets.load_dataset`, offline, with a cache of its own."""
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    from datasets import load_dataset

    def loaded(folder, name):
        return load_dataset(
            str(folder / "dataset"), name, split="train", cache_dir=str(tmp_path / "cache")
        )

    return loaded


def stored(settings, table: str) -> pl.DataFrame:
    rows = Warehouse(path=settings.warehouse).read_embeddings(f"FROM {table} ORDER BY ALL")
    if "path" in rows.columns:
        rows = rows.with_columns(pl.col("path").str.split("/").list.last())
    return rows


@pytest.mark.parametrize("table", [*TABLES, "pairs", "headline_metrics", "captions_over_time"])
def test_polars_and_duckdb_read_each_table_as_it_is(exported, made, table):
    expected = stored(made, table)
    file = exported / "tables" / f"{table}.parquet"
    read = pl.read_parquet(file)
    assert read.schema.names() == expected.schema.names()
    kinds = dict(zip(expected.columns, expected.dtypes, strict=True))
    if len(expected):
        assert read.schema == kinds  # an embedding is an array of its size
    arrays = [name for name, kind in read.schema.items() if isinstance(kind, pl.Array)]
    lists = dict.fromkeys(arrays, pl.List(pl.Float32))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        from_polars = connection.from_arrow(read.cast(lists).to_arrow()).order("ALL").pl()
        from_file = connection.read_parquet(str(file)).order("ALL").pl()
    assert_frame_equal(from_polars, expected.cast(lists), abs_tol=1e-12)
    assert_frame_equal(from_file, from_polars)


def test_a_table_says_what_its_columns_hold(exported):
    for file in (exported / "tables").glob("*.parquet"):
        schema = pq.read_schema(file)
        assert schema.metadata[b"comment"]
        assert all(field.metadata[b"comment"] for field in schema), file
    schema = pq.read_schema(exported / "tables" / "video_embeddings.parquet")
    assert pa.types.is_fixed_size_list(schema.field("embedding").type)
    about = schema.field("norm").metadata[b"comment"].decode()
    assert about == TABLES["video_embeddings"].columns["norm"][1]
    card = (exported / "tables" / "README.md").read_text()
    assert f"| `norm` | {about} |" in card


def test_datasets_reads_the_videos(exported, made, load):
    videos = load(exported, "videos")
    pairs = stored(made, "pairs").sort("video_id")
    captions = stored(made, "captions_over_time").sort("video_id", "frame_index")
    frames = stored(made, "frames")
    assert videos["video_id"] == pairs["video_id"].to_list()
    for column in ("summary", "human_caption"):
        assert videos[column][:] == pairs[column].to_list()
    assert videos["cosine"][:] == pytest.approx(pairs["cosine"].to_list())
    assert videos["file"][:] == [f"{video}.mp4" for video in pairs["video_id"]]
    for row in videos:
        own = captions.filter(video_id=row["video_id"])
        assert row["captions"] == own["caption"].to_list()
        assert row["filtered_captions"] == own.filter("kept")["caption"].to_list()
        sides = [np.array(row[f"{side}_embedding"]) for side in ("video", "text")]
        assert [np.linalg.norm(side) for side in sides] == pytest.approx([1, 1], abs=1e-5)
        assert np.dot(*sides) == pytest.approx(row["cosine"], abs=1e-5)
        images = dict(frames.filter(video_id=row["video_id"]).select("frame_index", "image").rows())
        assert len(row["frames"]) == min(len(images), STRIP)
        for index, picture in zip(row["frame_indices"], row["frames"], strict=True):
            assert np.array_equal(picture, decoded(images[index]))
    size = videos.features["video_embedding"].length
    assert size == len(videos[0]["video_embedding"])


def test_the_picture_of_a_video_is_the_frame_whose_embedding_is_its_middle(exported, made, load):
    frames = {(row["video_id"], row["frame_index"]): row for row in load(exported, "frames")}
    middles = stored(made, "video_embeddings").filter(fusion="middle")
    expected = dict(middles.select("video_id", "embedding").rows())
    for row in load(exported, "videos"):
        video = row["video_id"]
        same = [
            frame["image"]
            for (of, _), frame in frames.items()
            if of == video and np.allclose(frame["embedding"], expected[video])
        ]
        assert any(np.array_equal(row["image"], picture) for picture in same)


def test_datasets_reads_the_frames(exported, made, load):
    frames = load(exported, "frames")
    captions = stored(made, "captions_over_time").sort("video_id", "frame_index")
    columns = ["video_id", "frame_index", "timestamp_s", "caption", "logprob", "kept"]
    assert_frame_equal(frames.select_columns(columns).to_polars(), captions.select(columns))
    pictures = stored(made, "frames").sort("video_id", "frame_index")["image"]
    vectors = stored(made, "frame_embeddings").sort("video_id", "frame_index")["embedding"]
    assert np.array_equal(np.array(frames["embedding"][:], np.float32), vectors.to_numpy())
    assert all(
        np.array_equal(found, decoded(picture))
        for found, picture in zip(frames["image"], pictures, strict=True)
    )


def decoded(picture: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(picture)))


def test_odd_names_and_texts_come_back_as_they_are(odd, tmp_path, load):
    write_export(odd, tmp_path / "out", thumbnails_bytes=10**6, pictures=True)
    captions = stored(odd, "frame_captions").sort("video_id", "frame_index")
    assert set(captions["video_id"]) == set(IDS[:-1])
    frames = load(tmp_path / "out", "frames")
    assert frames["caption"][:] == captions["caption"].to_list()
    assert frames["video_id"][:] == captions["video_id"].to_list()
    videos = load(tmp_path / "out", "videos")
    assert videos["video_id"][:] == sorted(IDS[:-1])  # of the last one no frame could be read
    [without] = [row for row in videos if row["video_id"] == IDS[-2]]
    assert without["summary"] is without["text_embedding"] is without["cosine"] is None
    assert len(without["video_embedding"]) == SIZE
    for table in ("frame_captions", "video_summaries", "frames"):
        read = pl.read_parquet(tmp_path / "out" / "tables" / f"{table}.parquet")
        assert_frame_equal(read, stored(odd, table), check_row_order=False)


def test_pictures_can_be_left_out(odd, tmp_path, load):
    for pictures in (True, False):
        write_export(odd, tmp_path / f"{pictures}", thumbnails_bytes=10**6, pictures=pictures)
    tables = [
        pl.read_parquet(tmp_path / f"{pictures}" / "tables" / "frames.parquet")
        for pictures in (True, False)
    ]
    assert_frame_equal(tables[0].drop("image"), tables[1])
    for name, left in (("videos", {"image", "frames", "frame_indices"}), ("frames", {"image"})):
        full, bare = load(tmp_path / "True", name), load(tmp_path / "False", name)
        assert set(full.column_names) - set(bare.column_names) == left
        assert bare[:] == full.remove_columns(list(left))[:]
    assert list((tmp_path / "False" / "data").rglob("*.jpg"))  # The page has its thumbnails.

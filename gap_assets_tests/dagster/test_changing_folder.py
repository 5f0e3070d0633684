"""Videos that are replaced, renamed or removed after they were listed and before they are read."""

import hashlib
import shutil
from pathlib import Path

import dagster as dg
import pytest

from gap_assets.dagster.assets import sources
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.runs import QUIET, open_instance
from gap_assets.pipeline.catalogue import describe_videos
from gap_assets.pipeline.status import current_status
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse


@pytest.fixture
def folder(tmp_path, world):
    return shutil.copytree(world, tmp_path / "videos")


@pytest.fixture
def settings(tmp_path, folder):
    return remember(tmp_path / "data", videos=folder, frames_per_second=2.0)


def replace(file: Path, *, by: Path) -> None:
    """Another film of the same pictures: an empty box at the end makes it a file of its own."""
    file.write_bytes(by.read_bytes() + b"\0\0\0\x08free")


def run(settings, job: str, *, config=None, **selection) -> None:
    """Runs a job on all videos."""
    with open_instance(settings) as instance:
        keys = instance.get_dynamic_partitions("videos")
        ends = {"start": keys[0], "end": keys[-1]} if keys else {}
        result = (
            build_definitions(settings)
            .resolve_job_def(job)
            .execute_in_process(
                QUIET | {"resources": config or {}},
                instance=instance,
                tags={f"dagster/asset_partition_range_{end}": key for end, key in ends.items()},
                **selection,
            )
        )
        assert result.success


def decode(settings, **options) -> None:
    run(settings, "per_video", asset_selection=[dg.AssetKey("frames")], **options)


def failures(settings) -> dict[str, str]:
    rows = Warehouse(path=settings.warehouse).read("SELECT video_id, error FROM failures")
    return dict(rows.iter_rows())


def test_what_changed_since_it_was_listed_fails_alone_and_is_mended_by_the_next_run(
    settings, folder
):
    run(settings, "catalogue")
    replace(folder / "world-0000.mp4", by=folder / "world-0004.mp4")
    (folder / "world-0001.mp4").rename(folder / "renamed.mp4")
    (folder / "world-0002.mp4").rename(folder / "unmounted")
    decode(settings)
    found = failures(settings)
    assert set(found) == {"world-0000", "world-0001", "world-0002"}
    assert found["world-0000"] == (
        "world-0000.mp4 changed or went away since the folder was read; materialize `videos` again."
    )
    (folder / "unmounted").rename(folder / "world-0002.mp4")
    run(settings, "catalogue")
    status = current_status(settings)
    assert status.videos_to_do(["frames"]) == {*found, "renamed"}
    decode(settings)
    assert failures(settings) == {"world-0001": "The file is gone."}
    assert current_status(settings).counts()["frames"] == {"current": 5, "gone": 1}
    warehouse = Warehouse(path=settings.warehouse)
    first = dict(
        warehouse.read("SELECT video_id, image FROM frames WHERE frame_index = 0").iter_rows()
    )
    assert set(first) == {"world-0000", "renamed", "world-0002", "world-0003", "world-0004"}
    assert first["world-0000"] == first["world-0004"]
    listing = warehouse.read("SELECT path, content_hash FROM videos WHERE status = 'ok'")
    for path, digest in listing.iter_rows():
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest


def test_a_chunk_of_nothing_but_videos_to_try_again_ends_the_run_well(settings, folder):
    run(settings, "catalogue")
    run(settings, "per_video")
    changed = folder / "world-0000.mp4"
    replace(changed, by=folder / "world-0004.mp4")
    run(settings, "catalogue")
    changed.unlink()
    run(settings, "per_video")
    assert "changed or went away" in failures(settings)["world-0000"]
    counts = current_status(settings).counts()
    assert counts["text_embeddings"]["current"] == 4


def test_a_partition_that_the_catalogue_does_not_know_takes_no_neighbours_along(settings, folder):
    run(settings, "catalogue")
    Path(settings.warehouse).unlink()
    (folder / "world-0002.mp4").unlink()
    run(settings, "catalogue")
    run(settings, "per_video")
    counts = current_status(settings).counts()
    assert counts["video_summaries"] == {"current": 4}


def test_what_decoding_finds_out_while_the_catalogue_is_read_stays(settings, monkeypatch):
    run(settings, "catalogue")
    warehouse = Warehouse(path=settings.warehouse)

    def describe(*args, **more):
        rows = describe_videos(*args, **more)
        damaged = "UPDATE videos SET status = 'damaged' WHERE video_id = 'world-0001'"
        with warehouse.transaction() as connection:
            connection.execute(damaged)
        return rows

    monkeypatch.setattr(sources, "describe_videos", describe)
    run(settings, "catalogue")
    found = warehouse.read("SELECT video_id FROM videos WHERE status = 'damaged'")
    assert found["video_id"].to_list() == ["world-0001"]
    assert len(warehouse.read("FROM videos")) == 5


def test_a_limit_that_is_raised_lets_a_video_in(settings):
    run(settings, "catalogue")
    tight = {"sampling": {"frames_per_second": {}}, "short_side": 64, "max_megapixels": 0.01}
    decode(settings, config={"sampling": {"config": tight}})
    assert len(failures(settings)) == 5
    assert "more than the limit of 10000 pixels" in failures(settings)["world-0000"]
    decode(settings)
    assert failures(settings) == {}
    assert (
        Warehouse(path=settings.warehouse).read("SELECT DISTINCT status FROM videos").item() == "ok"
    )

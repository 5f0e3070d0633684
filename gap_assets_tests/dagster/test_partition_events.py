"""What Dagster shows of each video after a run: its data, how it was made, or why it was not."""

import shutil

import dagster as dg
import polars as pl
import pytest
from dagster import AssetPartitionStatus

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.failed_partitions import JOB
from gap_assets.dagster.jobs import PER_VIDEO
from gap_assets.dagster.partitions import range_tags, videos_partitions
from gap_assets.dagster.run_metadata import NOTHING, UNKNOWN
from gap_assets.dagster.runs import open_instance
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.rows import put

DESCRIBED = ("frames", "frame_captions", "frame_embeddings")  # made by one step


@pytest.fixture
def instance(copy_of_made, tmp_path, world):
    """The instance of a data folder whose videos have moved; a broken one is new."""
    videos = shutil.copytree(world, tmp_path / "videos")
    (videos / "broken.mp4").write_bytes(b"no video at all")
    settings = remember(copy_of_made.data, videos=videos)
    put(Warehouse(path=settings.warehouse), {"videos": pl.DataFrame()}, where={})
    with open_instance(settings) as opened:
        yield opened, settings


def run(instance, settings, job, *partitions):
    tags = range_tags(*partitions) if partitions else None
    definition = build_definitions(settings).resolve_job_def(job)
    return definition.execute_in_process(instance=instance, tags=tags)


def statuses(instance, asset):
    keys = instance.get_dynamic_partitions("videos")
    return instance.get_status_by_partition(dg.AssetKey(asset), keys, videos_partitions)


def shown(result, asset):
    node = "described_frames" if asset in DESCRIBED else asset
    return {
        event.partition: {name: value.value for name, value in event.metadata.items()}
        for event in result.asset_materializations_for_node(node)
        if event.asset_key == dg.AssetKey(asset)
    }


def test_a_broken_video_is_a_failed_partition_of_every_asset_until_it_is_replaced(instance):
    instance, settings = instance
    run(instance, settings, "catalogue")
    keys = instance.get_dynamic_partitions("videos")
    assert keys[-1] == "broken"
    result = run(instance, settings, "per_video", "world-0004", "broken")
    assert result.success
    for asset in PER_VIDEO:
        found = statuses(instance, asset)
        assert found.pop("broken") == AssetPartitionStatus.FAILED, asset
        assert set(found.values()) == {AssetPartitionStatus.MATERIALIZED}, asset
    frames, captions = (shown(result, asset) for asset in ("frames", "frame_captions"))
    assert next(iter(frames["broken"])) == "result"
    assert frames["broken"]["result"].startswith("failed: broken.mp4 is not a readable video")
    assert captions["broken"]["result"] == f"failed: {NOTHING}"
    assert "CoCa" not in captions["broken"]

    [failed] = instance.get_runs(dg.RunsFilter(job_name=JOB))
    assert failed.status == dg.DagsterRunStatus.FAILURE
    assert failed.tags["made by run"] == result.run_id
    told = "\n".join(entry.message for entry in instance.all_logs(failed.run_id))
    assert "broken: broken.mp4 is not a readable video" in told

    whole = (settings.videos / "world-0000.mp4").read_bytes()
    (settings.videos / "broken.mp4").write_bytes(whole + b"\0\0\0\x08free")  # not a mere copy
    run(instance, settings, "catalogue")
    run(instance, settings, "per_video", "broken", "broken")
    for asset in PER_VIDEO:
        assert statuses(instance, asset)["broken"] == AssetPartitionStatus.MATERIALIZED, asset
    assert len(instance.get_runs(dg.RunsFilter(job_name=JOB))) == 1


def test_a_partition_that_is_in_no_catalogue_fails_and_says_so(instance):
    instance, settings = instance
    run(instance, settings, "catalogue")
    instance.add_dynamic_partitions("videos", ["no_such_video"])
    result = run(instance, settings, "per_video", "no_such_video", "no_such_video")
    assert shown(result, "frames")["no_such_video"]["result"] == f"failed: {UNKNOWN}"
    assert statuses(instance, "frames")["no_such_video"] == AssetPartitionStatus.FAILED


def test_a_partition_shows_its_own_data_and_how_it_was_made(instance):
    instance, settings = instance
    run(instance, settings, "catalogue")
    result = run(instance, settings, "per_video", "world-0001", "world-0002")
    frames = shown(result, "frames")["world-0002"]
    assert frames["result"] == "current, skipped"
    assert frames["Sampling"] == "frames per second 2.0"
    [strip] = [value for name, value in frames.items() if name.startswith("frames at 0.")]
    assert strip.startswith("![](data:image/jpeg;base64,")
    assert len(strip) < 10_000
    captions = shown(result, "frame_captions")["world-0002"]
    assert (captions["CoCa"], captions["Caption decoding"]) == ("embedded coca", "greedy")
    table = captions.get("what was seen") or captions["what was seen (the first 12)"]
    warehouse = Warehouse(path=settings.warehouse)
    stored = warehouse.read(
        "SELECT caption FROM frame_captions WHERE video_id = 'world-0002' ORDER BY frame_index"
    )
    assert [record.data["caption"] for record in table.records] == stored["caption"].to_list()[:12]
    summary = shown(result, "video_summaries")["world-0002"]
    assert (
        summary["summary"]
        == warehouse.read(
            "SELECT summary FROM video_summaries WHERE video_id = 'world-0002'"
        ).item()
    )
    assert summary["people wrote"]
    cosine = warehouse.read("SELECT cosine FROM pairs WHERE video_id = 'world-0002'").item()
    texts = shown(result, "text_embeddings")["world-0002"]
    assert texts["cosine of video and summary"] == pytest.approx(cosine, abs=1e-4)
    for asset in PER_VIDEO:
        of_asset = shown(result, asset)["world-0001"]
        numbers = [name for name, value in of_asset.items() if isinstance(value, int | float)]
        assert 2 <= len(numbers) <= 10, (asset, numbers)


def test_a_video_that_was_left_out_is_no_failure(instance):
    instance, settings = instance
    settings.excluded.write_text("world-0003 private\n")
    run(instance, settings, "catalogue")
    result = run(instance, settings, "per_video", "world-0003", "world-0003")
    for asset in PER_VIDEO:
        told = shown(result, asset)["world-0003"]["result"]
        assert told == "left out: Excluded: private", asset
        assert statuses(instance, asset)["world-0003"] == AssetPartitionStatus.MATERIALIZED

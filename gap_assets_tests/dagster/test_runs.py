"""Runs on a real Dagster instance with the embedded models and drawn videos."""

import shutil
import signal
import subprocess
import sys
import time

import dagster as dg
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.jobs import OF_ALL_VIDEOS
from gap_assets.dagster.partitions import range_tags, ranges_with
from gap_assets.dagster.runs import QUIET, open_instance, run_everything
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.conftest import remembered
from gap_assets_tests.rows import put

PER_VIDEO_TABLES = {
    "frames": "video_id, frame_index, timestamp_s, image",
    "frame_captions": "video_id, frame_index, caption, round(logprob, 3) AS logprob",
    "filtered_captions": "video_id, rank, caption, cluster_size",
    "video_summaries": "video_id, summary, n_captions",
    "text_embeddings": "video_id, source, n_tokens, truncated",
    "video_embeddings": "video_id, fusion, n_frames, round(norm, 3) AS norm",
    "event_embeddings": "video_id, sentence_index, sentence, start_s, end_s, n_frames",
}


def contents(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    return {
        table: warehouse.read(f"SELECT {columns} FROM {table} ORDER BY ALL")
        for table, columns in PER_VIDEO_TABLES.items()
    }


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 7))
def test_ranges_hold_all_wanted_keys_and_few_others(wanted, size):
    keys = [f"v{i:02d}" for i in range(len(wanted))]
    chosen = {key for key, is_wanted in zip(keys, wanted, strict=True) if is_wanted}
    covered: list[str] = []
    for first, last in ranges_with(keys, chosen, size=size):
        stretch = keys[keys.index(first) : keys.index(last) + 1]
        assert len(stretch) <= size
        assert {first, last} <= chosen
        covered += stretch
    assert chosen <= set(covered)
    assert len(covered) == len(set(covered))


def test_ranges_leave_out_what_they_may_not_hold():
    keys = list("abcdef")
    found = list(ranges_with(keys, {"a", "c", "d", "f"}, size=10, without={"b", "e"}))
    assert found == [("a", "a"), ("c", "d"), ("f", "f")]


def test_every_asset_has_its_rows(made):
    warehouse = Warehouse(path=made.warehouse)
    assert warehouse.read("FROM failures").is_empty()
    for table in PER_VIDEO_TABLES:
        assert warehouse.read(f"SELECT count(DISTINCT video_id) FROM {table}").item() == 5, table
    sources = warehouse.read("SELECT DISTINCT source FROM text_embeddings ORDER BY 1")
    assert sources["source"].to_list() == ["captions", "filtered", "reference", "summary"]
    methods = warehouse.read("SELECT method, modality, count(*) AS n FROM projections GROUP BY ALL")
    assert sorted(set(methods["method"])) == ["gap_axis", "svd", "umap"]
    assert set(methods["n"]) == {5}
    gap = (
        "SELECT value FROM gap_metrics WHERE metric = 'centroid_gap'"
        " AND text_source = 'summary' AND video_source = 'mean'"
        " AND encoder <> 'embedded:coca-whole-captions'"
    )
    assert (warehouse.read(gap)["value"] > 0.5).all()
    encoders = warehouse.read("SELECT DISTINCT encoder FROM encoder_embeddings")["encoder"]
    assert encoders.str.starts_with("untrained-").sum() == 5
    assert set(made.encoders) == set(encoders.filter(~encoders.str.starts_with("untrained-")))
    assert warehouse.read("SELECT count(DISTINCT encoder) FROM cone_profile").item() == 6
    assert (made.report / "report.html").stat().st_size > 100_000
    counts = current_status(made).counts()
    assert all(set(count) == {"current"} for count in counts.values()), counts


def test_a_run_lists_the_partitions_no_more_often_for_more_videos(tmp_path, world, monkeypatch):
    settings = remember(tmp_path / "data", videos=world)
    definitions = build_definitions(settings)
    list_partitions = dg.DagsterInstance.get_dynamic_partitions
    listed = []

    def counting(instance, partitions_def_name):
        listed.append(partitions_def_name)
        return list_partitions(instance, partitions_def_name)

    with open_instance(settings) as instance:
        definitions.resolve_job_def("catalogue").execute_in_process(instance=instance)
        keys = instance.get_dynamic_partitions("videos")
        monkeypatch.setattr(dg.DagsterInstance, "get_dynamic_partitions", counting)
        counts = []
        for last in keys[1], keys[4]:
            result = definitions.resolve_job_def("per_video").execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey("frames")],
                tags=range_tags(keys[0], last),
            )
            assert result.success
            counts.append(len(listed) - sum(counts))
        records = instance.fetch_materializations(dg.AssetKey("frames"), limit=5).records
    assert counts[0] == counts[1]
    shown = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"]
        for record in records
    }
    rows = Warehouse(path=settings.warehouse).read(
        "SELECT video_id, n_rows FROM materializations WHERE asset = 'frames'"
    )
    assert {video: number.value for video, number in shown.items()} == dict(rows.iter_rows())


def test_a_new_prompt_makes_the_summaries_and_what_follows_stale(made, monkeypatch):
    monkeypatch.setenv("GAP_PROMPT", "One after the other: {captions}")
    counts = current_status(Settings(data=made.data)).counts()
    assert {asset for asset, count in counts.items() if set(count) == {"stale"}} == {
        "video_summaries",
        "text_embeddings",
        "encoder_embeddings",
        "untrained_embeddings",
        "cone_profile",
        "projection_model",
        "projections",
        "gap_metrics",
        "gap_report",
    }
    assert {state for count in counts.values() for state in count} == {"current", "stale"}


def test_frame_embeddings_and_captions_come_from_the_same_frames(made):
    warehouse = Warehouse(path=made.warehouse)
    frames, captions, embeddings = (
        warehouse.read(f"SELECT video_id, frame_index FROM {table} ORDER BY ALL")
        for table in ("frames", "frame_captions", "frame_embeddings")
    )
    assert frames.equals(captions)
    assert frames.equals(embeddings)


def test_runs_took_ranges_and_told_their_numbers(made):
    with open_instance(made) as instance:
        ranges = [
            run.tags["dagster/asset_partition_range_start"]
            for run in instance.get_runs(dg.RunsFilter(job_name="per_video"))
        ]
        assert sorted(ranges) == ["world-0000", "world-0003"]
        records = instance.fetch_materializations(dg.AssetKey("frames"), limit=100).records
        assert {record.partition_key for record in records} == {f"world-000{i}" for i in range(5)}
        metadata = records[0].asset_materialization.metadata
        assert next(iter(metadata)) == "result"
        assert metadata["dagster/partition_row_count"].value > 3
        [of_run, _] = instance.fetch_observations(dg.AssetKey("frames"), limit=100).records
        assert of_run.asset_observation.metadata["frames per second"].value > 0
        report = instance.get_latest_materialization_event(dg.AssetKey("gap_report"))
        preview = report.asset_materialization.metadata["preview"].value
        assert preview.startswith("![](data:image/png;base64,")
        assert len(preview) < 150_000
        evaluations = instance.event_log_storage.get_asset_check_summary_records
        checks = list(build_definitions(made).resolve_asset_graph().asset_check_keys)
        found = evaluations(checks)
        for key in checks:
            record = found[key].last_check_execution_record
            assert record.event.dagster_event.event_specific_data.passed, key


# What differs from run to run: when it was, and how long it took.
OF_THE_RUN = {"run_id", "seconds", "materialized_at", "failed_at", "first_used"}


@pytest.mark.service
def test_a_lake_of_many_writers_holds_what_a_file_holds(made_in_file, made_in_lake):
    for table in TABLES:
        in_file, in_lake = (
            Warehouse(path=made.warehouse).read(f"FROM {table}").drop(OF_THE_RUN, strict=False)
            for made in (made_in_file, made_in_lake)
        )
        assert len(in_file) == len(in_lake), table
        assert in_file.schema == in_lake.schema, table
        keys = [name for name, kind in in_file.schema.items() if not kind.is_nested()]
        if table == "projections":  # UMAP magnifies the last bits, which other arrays' places move.
            in_file, in_lake = (rows.remove(method="umap") for rows in (in_file, in_lake))
        assert_frame_equal(in_lake.sort(keys), in_file.sort(keys), rel_tol=1e-5, abs_tol=1e-6)


def test_a_second_run_does_nothing(made):
    before = Warehouse(path=made.warehouse).read("FROM materializations ORDER BY ALL")
    run_everything(made)
    after = Warehouse(path=made.warehouse).read("FROM materializations ORDER BY ALL")
    per_video = pl.col("asset").is_in(["videos", "reference_captions"]).not_()
    assert before.filter(per_video).equals(after.filter(per_video))


def test_controls_can_be_left_for_later(tmp_path, world):
    settings = remembered(tmp_path / "data", world, controls=False)
    run_everything(settings)
    warehouse = Warehouse(path=settings.warehouse)

    def made_by() -> dict[tuple[str, str], str]:
        rows = warehouse.read("SELECT asset, video_id, run_id FROM materializations")
        return {(asset, video): run for asset, video, run in rows.iter_rows()}

    def encoders() -> set[str]:
        return set(warehouse.read("SELECT DISTINCT encoder FROM gap_metrics")["encoder"])

    def state(asset: str) -> dict[str, int]:
        return dict(current_status(remember(settings.data)).counts()[asset])

    assert not current_status(settings).outdated
    assert (state("untrained_embeddings"), state("gap_metrics")) == ({"later": 1}, {"current": 1})
    assert encoders() == {"embedded coca", "embedded:coca-whole-captions"}
    page = (settings.report / "report.html").read_text()
    assert page.count("The untrained controls are missing") == 1
    assert "layer by layer" not in page
    assert state("cone_profile") == {"later": 1}
    before = made_by()

    with_controls = remember(settings.data, controls=True)
    assert (state("untrained_embeddings"), state("gap_metrics")) == ({"missing": 1}, {"stale": 1})
    run_everything(with_controls)
    after = made_by()
    assert {
        asset for (asset, video), run in after.items() if before.get((asset, video)) != run
    } == {
        *("videos", "reference_captions"),  # which every run reads anew
        *("untrained_embeddings", "cone_profile", "gap_metrics", "gap_report"),
    }
    assert {f"untrained-{seed}" for seed in range(5)} < encoders()
    page = (settings.report / "report.html").read_text()
    assert "controls are missing" not in page
    assert "layer by layer" in page

    run_everything(remember(settings.data, controls=False))
    assert state("untrained_embeddings") == {"current": 1}
    assert {key: run for key, run in made_by().items() if key[0] in OF_ALL_VIDEOS} == {
        key: run for key, run in after.items() if key[0] in OF_ALL_VIDEOS
    }

    # A control of other texts is none.
    run_everything(remember(settings.data, prompt="So: {captions}"))
    assert (state("untrained_embeddings"), state("gap_metrics")) == ({"later": 1}, {"current": 1})
    assert encoders() == {"embedded coca", "embedded:coca-whole-captions"}
    assert "layer by layer" not in (settings.report / "report.html").read_text()


def test_a_part_of_the_report_that_was_deleted_is_made_again(copy_of_made):
    for name in ("preview.png", "report.json"):
        (copy_of_made.report / name).unlink()
        with open_instance(copy_of_made) as instance:
            job = build_definitions(copy_of_made).resolve_job_def("projections_and_report")
            report = [dg.AssetKey("gap_report")]
            assert job.execute_in_process(QUIET, instance=instance, asset_selection=report).success
        assert (copy_of_made.report / name).exists()


def test_an_excluded_video_leaves_every_result_and_comes_back(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    excluded = copy_of_made.data / "excluded.txt"
    pairs = "SELECT DISTINCT n FROM gap_metrics WHERE metric = 'paired_cosine'"
    tables = ("frames", "frame_captions", "video_embeddings", "event_embeddings", "projections")
    for text, left in (("world-0002 private\n", 4), ("", 5)):
        excluded.write_text(text)
        run_everything(copy_of_made)
        for table in tables:
            assert warehouse.read(f"SELECT count(DISTINCT video_id) FROM {table}").item() == left
        counts = current_status(copy_of_made).counts()["frame_captions"]
        assert counts == ({"current": 4, "excluded": 1} if text else {"current": 5})
        assert warehouse.read(pairs)["n"].max() == left


def test_a_new_and_a_broken_video_touch_no_others(made, copy_of_made, tmp_path, world):
    videos = shutil.copytree(world, tmp_path / "videos")
    settings = remember(copy_of_made.data, videos=videos)
    # The catalogue knows files by their paths: in a new folder they are new files.
    put(Warehouse(path=settings.warehouse), {"videos": pl.DataFrame()}, where={})
    (videos / "broken.mp4").write_bytes((videos / "world-0000.mp4").read_bytes()[:2000])
    other = (videos / "world-0001.mp4").read_bytes() + b"\0\0\0\x08free"
    (videos / "another.mp4").write_bytes(other)
    shutil.copy(videos / "world-0001.mp4", videos / "world-0001-copy.mp4")
    run_everything(settings)
    warehouse = Warehouse(path=settings.warehouse)
    decoded = "SELECT video_id, run_id FROM materializations WHERE asset = 'frames' ORDER BY ALL"
    before = Warehouse(path=made.warehouse).read(decoded)
    again = warehouse.read(decoded).join(before, on=before.columns, how="anti")
    assert again["video_id"].to_list() == ["another", "broken", "world-0001-copy"]
    failure = warehouse.read("SELECT video_id, asset, error FROM failures ORDER BY ALL").row(0)
    assert failure[:2] == ("broken", "frames")
    assert failure[2].endswith(".")
    assert (
        warehouse.read("SELECT status FROM videos WHERE video_id = 'broken'").item() == "unreadable"
    )
    for asset in ("videos", "frames", "frame_captions", "text_embeddings", "projections"):
        counts = current_status(settings).counts()[asset]
        assert counts == {"current": 6, "failed": 1, "duplicate": 1}, asset
    assert not current_status(settings).outdated


def test_inputs_that_are_not_there_are_named(settings):
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        assert (
            definitions.resolve_job_def("catalogue").execute_in_process(instance=instance).success
        )
        result = definitions.resolve_job_def("per_video").execute_in_process(
            instance=instance,
            partition_key="world-0002",
            asset_selection=[dg.AssetKey("frame_captions"), dg.AssetKey("frame_embeddings")],
            raise_on_error=False,
        )
        failure = result.failure_data_for_node("described_frames")
    assert "frame_captions needs frames of 1 videos first (world-0002)" in str(failure)


def test_some_videos_are_made_and_measured_without_the_others(tmp_path, world):
    settings = remember(tmp_path / "data", videos=world, frames_per_second=2.0, controls=False)
    warehouse = Warehouse(path=settings.warehouse)

    def summarized() -> list[str]:
        rows = warehouse.read("SELECT video_id FROM video_summaries ORDER BY video_id")
        return list(rows["video_id"])

    assert not run_everything(settings, only=["world-0003"])
    assert summarized() == ["world-0003"]
    assert warehouse.read("FROM videos").height == 1
    with open_instance(settings) as instance:
        catalogue = build_definitions(settings).resolve_job_def("catalogue")
        assert catalogue.execute_in_process(QUIET, instance=instance).success
    assert run_everything(settings, only=["world-0000", "world-0004"])
    assert summarized() == ["world-0000", "world-0003", "world-0004"]
    placed = warehouse.read("SELECT DISTINCT video_id FROM projections ORDER BY video_id")
    assert list(placed["video_id"]) == summarized()
    assert warehouse.read("SELECT max(n) FROM gap_metrics").item() == 3
    assert current_status(settings).counts()["frames"] == {"current": 3, "missing": 2}


def test_a_killed_run_loses_a_chunk_at_most_and_resumes(made, new_warehouse, tmp_path, world):
    data = tmp_path / "data"
    settings = remember(data, videos_per_run=2, **new_warehouse)
    command = [sys.executable, "-m", "gap_assets.cli", "run", str(world), "--data", str(data)]
    command += ["--captions", str(world / "captions.jsonl"), "--frames-per-second", "2"]
    warehouse = Warehouse(path=settings.warehouse)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and not _summaries(warehouse):
            time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    first = warehouse.read("SELECT * FROM materializations WHERE asset = 'frames'")
    assert 0 < len(first) < 5
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    kept = warehouse.read("SELECT * FROM materializations WHERE asset = 'frames'")
    assert first.join(kept, on=first.columns, how="anti").is_empty()
    undisturbed = contents(Warehouse(path=made.warehouse))
    for table, rows in contents(warehouse).items():
        assert rows.equals(undisturbed[table]), table


def _summaries(warehouse: Warehouse) -> int:
    if not warehouse.exists():
        return 0
    return int(warehouse.read("SELECT count(*) FROM video_summaries").item())

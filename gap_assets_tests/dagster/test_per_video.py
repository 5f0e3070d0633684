import dagster as dg
import polars as pl

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.partitions import range_tags
from gap_assets.dagster.runs import open_instance
from gap_assets.pipeline import stages
from gap_assets.pipeline.stages import CHUNKS_AHEAD, Stage, started_chunks
from gap_assets.warehouse.ledger import Results, commit
from gap_assets.warehouse.store import Warehouse


def test_the_first_stage_runs_ahead_by_a_bounded_number_of_chunks():
    begun: list[str] = []

    def start(videos, wanted):
        begun.extend(videos)
        return lambda made: Results(rows={"frames": pl.DataFrame({"video_id": videos})})

    videos = [f"v{i:02d}" for i in range(18)]
    done = 0
    for chunk in started_chunks(
        {("frames",): videos}, [Stage(assets=["frames"], start=start)], size=4
    ):
        assert len(begun) == min(len(videos), done + 4 * (CHUNKS_AHEAD + 1))
        done += len(chunk.videos)
    assert done == len(begun) == len(videos)


def test_a_video_that_lacks_only_the_later_assets_starts_with_their_stage():
    stages = [
        Stage(assets=["frames"], start=lambda videos, wanted: "decoding"),
        Stage(assets=["frame_captions", "frame_embeddings"], start=lambda v, w: "describing"),
    ]
    [chunk] = started_chunks({("frame_embeddings",): ["v"]}, stages, size=4)
    assert chunk.finish == "describing"
    assert [assets for _, assets in chunk.stages] == [["frame_embeddings"]]


def test_a_step_whose_run_was_ended_meanwhile_leaves_the_rest_to_the_next_run(
    settings, monkeypatch
):
    """As one does that is left behind when the worker of its run is killed."""
    definitions = build_definitions(settings)

    def end_the_run(*args, run_id, **more):
        commit(*args, run_id=run_id, **more)
        instance.report_run_failed(instance.get_run_by_id(run_id))

    with open_instance(settings) as instance:
        assert (
            definitions.resolve_job_def("catalogue").execute_in_process(instance=instance).success
        )
        monkeypatch.setattr(stages, "commit", end_the_run)
        result = definitions.resolve_job_def("per_video").execute_in_process(
            {"ops": {"described_frames": {"config": {"videos_per_chunk": 1}}}},
            instance=instance,
            asset_selection=[dg.AssetKey("frames")],
            tags=range_tags("world-0000", "world-0004"),
            raise_on_error=False,
        )
    assert "was ended" in str(result.failure_data_for_node("described_frames"))
    made = Warehouse(path=settings.warehouse).read("SELECT DISTINCT video_id FROM frames")
    assert 1 <= len(made) <= 2  # The second may be on its way when the first is committed.

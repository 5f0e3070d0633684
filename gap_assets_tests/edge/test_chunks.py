import polars as pl

from gap_assets.assets.chunks import CHUNKS_AHEAD, Stage, _started
from gap_assets.warehouse.ledger import Results


def test_the_first_stage_runs_ahead_by_a_bounded_number_of_chunks():
    begun: list[str] = []

    def start(videos, wanted):
        begun.extend(videos)
        return lambda made: Results(rows={"frames": pl.DataFrame({"video_id": videos})})

    videos = [f"v{i:02d}" for i in range(18)]
    done = 0
    for chunk in _started({("frames",): videos}, [Stage(assets=["frames"], start=start)], size=4):
        assert len(begun) == min(len(videos), done + 4 * (CHUNKS_AHEAD + 1))
        done += len(chunk.videos)
    assert done == len(begun) == len(videos)


def test_a_video_that_lacks_only_the_later_assets_starts_with_their_stage():
    stages = [
        Stage(assets=["frames"], start=lambda videos, wanted: "decoding"),
        Stage(assets=["frame_captions", "frame_embeddings"], start=lambda v, w: "describing"),
    ]
    [chunk] = _started({("frame_embeddings",): ["v"]}, stages, size=4)
    assert chunk.finish == "describing"
    assert [assets for _, assets in chunk.stages] == [["frame_embeddings"]]

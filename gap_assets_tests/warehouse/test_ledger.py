import numpy as np
import polars as pl
import pytest

from gap_assets.graph import STEPS
from gap_assets.pipeline.status import compare_with_ledger
from gap_assets.warehouse.ledger import Failure, Results, commit, commit_whole, plan
from gap_assets.warehouse.schema import holds_embeddings

VIDEOS = ["a", "b", "c"]
SETTINGS = dict.fromkeys(STEPS, "today")


@pytest.fixture
def warehouse(warehouse):
    catalogue = pl.DataFrame({"video_id": VIDEOS})
    hashes = dict.fromkeys(VIDEOS, "content")
    commit_whole(warehouse, "videos", {"videos": catalogue}, hashes=hashes, run_id="r", seconds=1)
    return warehouse


def make(store, asset, videos=VIDEOS, *, settings="today", failures=None):
    made = plan(store, {asset: settings}, videos)[asset]
    failures = failures or {}
    rows = pl.DataFrame({"video_id": [v for v in made.todo if v not in failures]})
    if holds_embeddings(asset):
        vectors = np.ones((len(rows), 2), "f4")
        rows = rows.with_columns(pl.Series("embedding", vectors, dtype=pl.Array(pl.Float32, 2)))
    commit(
        store,
        Results(rows={asset: rows}, failures=failures),
        list(made.todo),
        plans={asset: made},
        run_id="r",
        seconds=1,
    )
    return made


def test_what_is_current_is_skipped(warehouse):
    assert set(make(warehouse, "frames", ["a", "b"]).todo) == {"a", "b"}
    again = plan(warehouse, {"frames": "today"}, VIDEOS)["frames"]
    assert (again.current, set(again.todo)) == (["a", "b"], {"c"})
    everything = plan(warehouse, {"frames": "today"}, VIDEOS, recompute=True)["frames"]
    assert set(everything.todo) == set(VIDEOS)


def test_an_input_that_is_not_there_blocks(warehouse):
    make(warehouse, "frames", ["a"])
    assert plan(warehouse, {"frame_captions": "today"}, VIDEOS)["frame_captions"].blocked == [
        "b",
        "c",
    ]


def test_an_input_that_the_same_run_makes_does_not_block(warehouse):
    plans = plan(warehouse, {"frames": "today", "frame_captions": "today"}, VIDEOS)
    make(warehouse, "frames")
    assert (
        plans["frame_captions"]
        == plan(warehouse, {"frame_captions": "today"}, VIDEOS)["frame_captions"]
    )


def test_a_changed_setting_makes_only_what_follows_stale(warehouse):
    for asset in ("frames", "frame_captions", "frame_embeddings", "filtered_captions"):
        make(warehouse, asset)
    counts = compare_with_ledger(
        warehouse, settings=SETTINGS | {"frame_captions": "other"}
    ).counts()
    state = {asset: dict(count) for asset, count in counts.items()}
    assert state["frames"] == state["frame_embeddings"] == {"current": 3}
    assert state["frame_captions"] == state["filtered_captions"] == {"stale": 3}
    assert state["video_summaries"] == {"missing": 3}


def test_a_changed_file_makes_only_its_own_results_stale(warehouse):
    make(warehouse, "frames")
    make(warehouse, "frame_captions")
    hashes = dict.fromkeys(VIDEOS, "content") | {"b": "new content"}
    commit_whole(warehouse, "videos", {}, hashes=hashes, run_id="r", seconds=1)
    states = compare_with_ledger(warehouse, settings=SETTINGS).states
    assert states["frame_captions"] == {"a": "current", "b": "stale", "c": "current"}


def test_a_result_from_stale_inputs_is_not_current(warehouse):
    make(warehouse, "frames", settings="yesterday")
    make(warehouse, "frame_captions")
    states = compare_with_ledger(warehouse, settings=SETTINGS).states
    assert set(states["frame_captions"].values()) == {"stale"}


@pytest.mark.parametrize(("final", "again"), [(True, []), (False, ["b"])])
def test_a_final_failure_is_not_tried_again(warehouse, final, again):
    failure = Failure(error_type="E", error="broken", final=final)
    make(warehouse, "frames", failures={"b": failure})
    found = warehouse.read("SELECT video_id, asset, error FROM failures").rows()
    assert found == [("b", "frames", "broken")]
    assert list(plan(warehouse, {"frames": "today"}, VIDEOS)["frames"].todo) == again
    now = compare_with_ledger(warehouse, settings=SETTINGS)
    assert now.states["frames"]["b"] == "failed"
    assert now.videos_to_do(["frames"]) == set(again)


def test_a_success_removes_the_failure(warehouse):
    failure = Failure(error_type="E", error="broken", final=False)
    make(warehouse, "frames", failures={"b": failure})
    make(warehouse, "frames")
    assert warehouse.read("FROM failures").is_empty()
    assert compare_with_ledger(warehouse, settings=SETTINGS).counts()["frames"] == {"current": 3}


def test_an_optional_input_may_be_lacking_but_counts_when_it_comes(warehouse):
    for asset in ("frames", "frame_captions", "filtered_captions", "video_summaries"):
        make(warehouse, asset)
    make(warehouse, "text_embeddings")
    hashes = {"a": "a human caption"}
    commit_whole(warehouse, "reference_captions", {}, hashes=hashes, run_id="r", seconds=1)
    states = compare_with_ledger(warehouse, settings=SETTINGS).states
    assert states["text_embeddings"] == {"a": "stale", "b": "current", "c": "current"}


def test_what_decoding_found_out_changes_the_catalogue(warehouse):
    plans = plan(warehouse, {"frames": "today"}, VIDEOS)
    found = pl.DataFrame({"video_id": ["b"], "status": ["damaged"], "error": ["It is cut off."]})
    results = Results(rows={"frames": pl.DataFrame()}, video_status=found)
    commit(warehouse, results, VIDEOS, plans=plans, run_id="r", seconds=1)
    rows = warehouse.read("SELECT video_id, status, error FROM videos ORDER BY video_id").rows()
    assert rows == [("a", None, None), ("b", "damaged", "It is cut off."), ("c", None, None)]

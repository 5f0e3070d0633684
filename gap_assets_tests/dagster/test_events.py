"""Sentences with times through real runs: measured where there are any, and missed by nobody."""

import json

from gap_assets.dagster.runs import run_everything
from gap_assets.pipeline.status import current_status
from gap_assets.settings import remember
from gap_assets.warehouse.store import Warehouse

HEADING = "The gap in time"
TRUTH = """
    SELECT e.video_id, sentence_index, sentence, start_s, end_s, n_frames, n_outside,
        (SELECT count(*) FROM frames f WHERE f.video_id = e.video_id
            AND timestamp_s >= start_s AND timestamp_s < end_s) AS inside,
        (SELECT sum(repeats) FROM frames f WHERE f.video_id = e.video_id) AS total
    FROM event_embeddings e ORDER BY 1, 2
"""


def test_the_drawn_videos_have_events_that_are_measured_and_shown(made, world):
    warehouse = Warehouse(path=made.warehouse)
    truths = [json.loads(line) for line in (world / "captions.jsonl").read_text().splitlines()]
    rows = warehouse.read(TRUTH)
    told = [
        (truth["video_id"], sentence, *span)
        for truth in truths
        for sentence, span in zip(truth["sentences"], truth["timestamps"], strict=True)
    ]
    assert rows.select("video_id", "sentence", "start_s", "end_s").rows() == told
    assert rows["n_frames"].to_list() == rows["inside"].to_list()
    assert (rows["n_frames"] + rows["n_outside"]).to_list() == rows["total"].to_list()
    gap = "SELECT value, n_events FROM event_metrics WHERE metric = 'gap_debiased'"
    [(value, n_events)] = warehouse.tuples(f"{gap} AND event_group = 'all'")
    assert 0.3 < value < 1.2
    assert n_events == len(told)
    assert HEADING in (made.report / "report.html").read_text()


def test_without_times_all_is_current_and_only_the_section_is_missing(copy_of_made, tmp_path):
    told = {f"world-{i:04d}": {"sentences": ["a red ball", "a ring"]} for i in range(4)}
    broken = {"sentences": ["a red ball", "a ring"], "timestamps": [[2, 1], [500, 501]]}
    path = tmp_path / "train.json"
    path.write_text(json.dumps(told | {"world-0004": broken}))
    settings = remember(copy_of_made.data, captions=path)
    run_everything(settings)
    status = current_status(settings)
    assert not status.outdated
    assert status.counts()["event_embeddings"] == {"current": 5}
    warehouse = Warehouse(path=settings.warehouse)
    problems = warehouse.tuples("SELECT video_id, problem FROM event_embeddings ORDER BY ALL")
    assert problems == [
        ("world-0004", "does not end after it begins"),
        ("world-0004", "lies outside the video"),
    ]
    [[n]] = warehouse.tuples("SELECT count(*) FROM event_metrics WHERE metric = 'gap_debiased'")
    assert n == 0
    page = (settings.report / "report.html").read_text()
    assert "too few to measure" in page

    path.write_text(json.dumps(told))
    run_everything(settings)
    assert not current_status(settings).outdated
    assert warehouse.tuples("SELECT count(*) FROM event_metrics") == [(0,)]
    assert warehouse.tuples("SELECT count(*) FROM failures") == [(0,)]
    assert HEADING not in (settings.report / "report.html").read_text()

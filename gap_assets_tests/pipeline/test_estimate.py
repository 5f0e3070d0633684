"""What is predicted of a folder against what a run of it really makes."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.pipeline import estimate as module
from gap_assets.pipeline.estimate import Estimate, estimate
from gap_assets.settings import default_fingerprints
from gap_assets.warehouse.store import Warehouse


def test_frames_are_exact_and_bytes_close(made, world):
    found = estimate(world, settings=made, fingerprints=default_fingerprints(made))
    stored = Warehouse(path=made.warehouse).read(
        "SELECT count(*) AS frames, sum(octet_length(image)) AS bytes FROM frames"
    )
    assert found.frames == stored["frames"].item()
    assert found.image_bytes == pytest.approx(int(stored["bytes"].item()), rel=0.15)
    assert (found.videos, found.unreadable) == (5, 0)
    assert "tried on 5 of the videos" in found.rates  # five results are too few to go by
    assert set(found.seconds) > {"frames", "frame_captions", "video_summaries"}
    assert all(seconds > 0 for seconds in found.seconds.values())


def test_speeds_come_from_the_ledger_where_it_has_enough(made, world, monkeypatch):
    monkeypatch.setattr(module, "ENOUGH_VIDEOS", 5)
    monkeypatch.setattr(module, "_cores", lambda: 2)
    fingerprints = default_fingerprints(made)
    found = estimate(world, settings=made, fingerprints=fingerprints)
    assert "already holds" in found.rates
    ledger = Warehouse(path=made.warehouse).read(
        "SELECT asset, sum(seconds) FROM materializations WHERE video_id IS NOT NULL GROUP BY ALL"
    )
    seconds = dict(ledger.iter_rows())
    assert found.seconds["frames"] == pytest.approx(seconds["frames"] / 2)
    assert found.seconds["frame_captions"] == pytest.approx(seconds["frame_captions"])
    # Five networks encode all frames and 100 pictures of noise; at most they describe them.
    controls = found.seconds["untrained_embeddings"]
    made_by_control = 5 * (found.frames + 100)
    assert controls == pytest.approx(seconds["frame_captions"] / found.frames * made_by_control)
    later = made.model_copy(update={"controls": False})
    without = estimate(world, settings=later, fingerprints=fingerprints)
    assert set(found.seconds) - set(without.seconds) == {*("untrained_embeddings", "cone_profile")}
    changed = fingerprints | {"frame_captions": "another model"}
    assert "tried" in estimate(world, settings=made, fingerprints=changed).rates


def test_the_command_counts_what_cannot_be_read_and_writes_nothing(tmp_path, world):
    videos = shutil.copytree(world, tmp_path / "videos")
    (videos / "broken.mp4").write_bytes(b"no video")
    data = tmp_path / "data"
    arguments = ["estimate", str(videos), "--data", str(data)]
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (found["videos"], found["unreadable"]) == (5, 1)
    assert found["bound"] in found["seconds"]
    denser = CliRunner().invoke(app, [*arguments, "--frames-per-second", "4"]).stdout
    assert f"{4 * found['frames']} frames" in denser.replace("\n", " ")
    assert "1 files cannot be read" in denser
    assert not data.exists()


@pytest.mark.parametrize(
    ("model_share", "total_s"), [(0, 9), (0.5, 11), (1, 15)], ids=["gpu", "half", "all"]
)
def test_decoding_hides_behind_the_models_where_cores_are_free(model_share, total_s):
    found = Estimate(
        videos=1,
        unreadable=0,
        hours=1.0,
        frames=1,
        image_bytes=1,
        seconds={"frames": 6.0, "frame_captions": 8.0, "video_summaries": 1.0},
        model_share=model_share,
        rates="",
    )
    assert found.total_s == total_s


def test_a_folder_without_a_whole_video_is_one_sentence(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    result = CliRunner().invoke(app, ["estimate", str(tmp_path), "--data", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert result.stderr.endswith("is a whole video.\n")

"""The whole graph over files that were broken, made, or named to harm.

Run with `pytest -m slow`; needs the development clips.
"""

import shutil

import pytest

from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.faults.conftest import gap


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_over_all_hard_clips_keeps_what_can_be_kept(tmp_path, shared, world):
    videos = shutil.copytree(shared / "videos" / "hard", tmp_path / "videos")
    shutil.copytree(world, videos, dirs_exist_ok=True)
    data = tmp_path / "data"
    done = gap("run", videos, "--data", data, "--captions", world / "captions.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    warehouse = Warehouse(path=Settings(data=data).warehouse)
    listed = warehouse.read("SELECT path FROM videos")["path"]
    assert len(listed) == len(list(videos.iterdir())) - 1  # the captions file
    failed = warehouse.read(
        "SELECT path, failures.error FROM failures JOIN videos USING (video_id)"
    )
    frames = warehouse.read("SELECT DISTINCT path FROM frames JOIN videos USING (video_id)")
    reasons, kept = dict(failed.iter_rows()), set(frames["path"])
    for path in listed:
        assert (path in kept) != (path in reasons), path
    for reason in reasons.values():
        assert reason.endswith("."), reason
        assert "\n" not in reason
    assert sum("world-" in path for path in kept) == 5
    playlists = [path for path in reasons if path.endswith("_sibling.mp4")]
    assert len(playlists) == 2

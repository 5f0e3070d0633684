from collections import Counter

from gap_assets_tests.faults import fuzz
from gap_assets_tests.video.clips import write_clip


def test_damaged_copies_of_small_clips_end_in_frames_or_a_sentence(tmp_path):
    clips = [
        write_clip(tmp_path / "a.mp4"),
        write_clip(tmp_path / "b.mkv", codec="libx265", options={"x265-params": "log-level=none"}),
        write_clip(tmp_path / "c.webm", codec="libvpx"),
        write_clip(tmp_path / "d.avi", codec="mpeg4"),
    ]
    outcomes = list(fuzz.run(clips, count=140, seed=1, keep=tmp_path / "kept"))
    endings = Counter(outcome.ending for outcome in outcomes)
    assert len(outcomes) == 140
    assert set(endings) == {"whole", "damaged", "unreadable"}
    assert not (tmp_path / "kept").exists()

"""The development clips beside the checkout, against what ffmpeg picks and how each must end."""

import csv
from itertools import groupby
from pathlib import Path

import pytest

from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import DecodeReport, Limits, all_frames
from gap_assets.video.frames import extract_frames
from gap_assets.video.sampler import PickedFrame, decode_then_pick, picked_frames
from gap_assets.video.sampling import FramesPerSecond
from gap_assets.video.timeline import read_timeline
from gap_assets_tests.video.clips import digest

SHARED = Path(__file__).resolve().parents[3] / "shared"
ONCE_A_SECOND = FramesPerSecond(rate=1.0)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.exists(), reason="no development clips beside the checkout"),
]


def rows(name: str) -> list[dict[str, str]]:
    path = SHARED / "reference" / name
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


PICKS = {file: list(group) for file, group in groupby(rows("fps1_frames.csv"), lambda r: r["file"])}
HARD = {row["file"]: row for row in rows("hard_expected.csv")}
CLIPS = sorted((SHARED / "videos").glob("[rd]e*/*"))
ENCRYPTED_OR_SCRIPT = {
    "bear_encrypted_cbcs.mp4",
    "made_ffconcat_sibling.mp4",
    "made_hls_sibling.mp4",
    "made_png_called.mp4",
}


def sampled(path: Path) -> list[PickedFrame]:
    return list(picked_frames(path, sampling=ONCE_A_SECOND, limits=Limits(), report=DecodeReport()))


def decoded_in_full(path: Path) -> list[PickedFrame]:
    return list(
        decode_then_pick(
            path,
            ONCE_A_SECOND,
            timeline=read_timeline(path),
            limits=Limits(),
            report=DecodeReport(),
        )
    )


def signature(frames: list[PickedFrame]) -> list[tuple[float, int, str]]:
    return [(frame.timestamp_s, frame.repeats, digest(frame.frame)) for frame in frames]


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.name)
def test_clips_give_what_a_full_decode_and_what_ffmpeg_give(path: Path) -> None:
    frames = sampled(path)
    assert signature(frames) == signature(decoded_in_full(path))
    if path.name not in PICKS:
        assert [frame.repeats for frame in frames] == [1]  # ffmpeg gives none under half a second
        return
    outputs = [frame for frame in frames for _ in range(frame.repeats)]
    expected = PICKS[path.name]
    assert [output.timestamp_s for output in outputs] == pytest.approx(
        [float(row["src_pts_time"]) for row in expected], abs=0.002
    )
    if path.name == "exo_skydive.avi":  # MPEG-4 decodes differently in the reference's FFmpeg 5.1
        return
    assert [digest(output.frame, upright=True) for output in outputs] == [
        row["sha256_native"] for row in expected
    ]


@pytest.mark.parametrize("name", HARD)
def test_hard_files_end_as_they_must(name: str) -> None:
    path, expected = SHARED / "videos" / "hard" / name, HARD[name]
    if expected["class"] == "error" or name in ENCRYPTED_OR_SCRIPT:
        with pytest.raises(UnreadableVideoError) as error:
            extract_frames(path, sampling=ONCE_A_SECOND, short_side=224)
        assert name in str(error.value)
        return
    frames = sampled(path)
    if name != "made_gap_10h.mp4":  # which is cut by the limit
        assert signature(frames) == signature(decoded_in_full(path))
    decoded = all_frames(path, timeline=read_timeline(path), limits=Limits(), report=DecodeReport())
    assert sum(1 for _ in decoded) == int(expected["pyav18_packetwise_frames"])
    damage = extract_frames(path, sampling=ONCE_A_SECOND, short_side=224).damage
    if name == "made_gap_10h.mp4":
        assert [frame.repeats for frame in frames] == [1, 9999]
        assert damage == "The limit of 10000 frames cut the video short."
        return
    assert (damage is not None) == (expected["class"] == "partial")

import re
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import DecodeReport, InexactError, Limits, all_frames
from gap_assets.video.frames import extract_frames, sample_frames
from gap_assets.video.probe import probe
from gap_assets.video.sampler import PickedFrame, decode_then_pick, pick_then_decode, picked_frames
from gap_assets.video.sampling import EverySeconds, FixedCount, FramesPerSecond, KeyFrames, Sampling
from gap_assets.video.timeline import read_timeline
from gap_assets_tests.video.clips import digest, pictures, write_clip

SAMPLINGS: list[Sampling] = [
    FramesPerSecond(rate=1.0),
    FramesPerSecond(rate=4.5),
    EverySeconds(seconds=0.7),
    FixedCount(count=5),
    KeyFrames(),
]
X264 = {"preset": "medium", "g": "40", "sc_threshold": "0", "bf": "3", "b-pyramid": "normal"}
OPEN_X265 = "log-level=none:open-gop=1:keyint=30:bframes=4:b-adapt=0:scenecut=0:pools=none"

# name -> (container, codec, encoder options, whether the packets are enough to plan on)
CLIPS = {
    "h264_b_frames": ("mp4", "libx264", X264, True),
    "h264_long_group": ("mp4", "libx264", X264 | {"g": "1000"}, True),
    "h264_open_groups": ("mkv", "libx264", X264 | {"x264-params": "open-gop=1"}, True),
    "h264_intra_refresh": ("mkv", "libx264", X264 | {"x264-params": "intra-refresh=1"}, False),
    "h264_baseline": ("flv", "libx264", {"profile": "baseline", "g": "25"}, True),
    "h264_in_avi": ("avi", "libx264", X264, False),
    "h264_in_ts": ("ts", "libx264", X264, True),
    "h264_intra_only": ("mp4", "libx264", {"g": "1"}, True),
    "hevc_open_groups": ("mp4", "libx265", {"x265-params": OPEN_X265}, True),
    "hevc_layers": ("mp4", "libx265", {"x265-params": f"{OPEN_X265}:temporal-layers=3"}, True),
    "hevc_in_ts": ("ts", "libx265", {"x265-params": OPEN_X265}, True),
    "vp8": ("webm", "libvpx", {"g": "25", "deadline": "realtime", "cpu-used": "8"}, True),
    "vp9": ("webm", "libvpx-vp9", {"g": "25", "deadline": "realtime", "cpu-used": "8"}, True),
    "mpeg2_b_frames": ("mpg", "mpeg2video", {"g": "12", "bf": "2"}, True),
    "mpeg4": ("mp4", "mpeg4", {"g": "12", "bf": "2"}, False),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: write_clip(folder / f"{name}.{container}", codec=codec, options=options)
        for name, (container, codec, options, _) in CLIPS.items()
    }


def signature(frames: list[PickedFrame]) -> list[tuple[float, int, str]]:
    return [(frame.timestamp_s, frame.repeats, digest(frame.frame)) for frame in frames]


def sampled(path: Path, sampling: Sampling) -> list[tuple[float, int, str]]:
    return signature(
        list(picked_frames(path, sampling=sampling, limits=Limits(), report=DecodeReport()))
    )


def decoded_in_full(path: Path, sampling: Sampling) -> list[tuple[float, int, str]]:
    return signature(
        list(
            decode_then_pick(
                path,
                sampling,
                timeline=read_timeline(path),
                limits=Limits(),
                report=DecodeReport(),
            )
        )
    )


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("name", CLIPS)
def test_the_sampler_equals_a_full_decode(
    clips: dict[str, Path], name: str, sampling: Sampling
) -> None:
    expected = decoded_in_full(clips[name], sampling)
    assert expected
    assert sampled(clips[name], sampling) == expected


def _gives_up(plan: Iterator[PickedFrame]) -> bool:
    with pytest.raises(InexactError):
        list(plan)
    return True


@pytest.mark.parametrize("name", CLIPS)
def test_the_sampler_decodes_sparsely_where_it_may(clips: dict[str, Path], name: str) -> None:
    timeline = read_timeline(clips[name])
    plan = pick_then_decode(
        clips[name],
        FramesPerSecond(rate=1.0),
        timeline=timeline,
        limits=Limits(),
        report=DecodeReport(),
    )
    if CLIPS[name][3]:
        assert timeline.regular
        assert len(list(plan)) == 3
    else:
        assert not timeline.regular or _gives_up(plan)


def test_variable_frame_rate_is_sampled_by_presentation_time(tmp_path: Path) -> None:
    steps = [33] * 30 + [100] * 10 + [700, 1900, 20, 20, 20]
    times = [sum(steps[:index]) for index in range(len(steps) + 1)]
    path = write_clip(tmp_path / "vfr.mkv", times=times, count=len(times), options=X264)
    frames = list(sample_frames(path, sampling=FramesPerSecond(rate=1.0)))
    before = [max(time for time in times if time < 1000 * k + 500) for k in range(5)]
    outputs = [frame.timestamp_s for frame in frames for _ in range(frame.repeats)]
    assert [round(1000 * timestamp_s) for timestamp_s in outputs][:5] == before
    assert sampled(path, FramesPerSecond()) == decoded_in_full(path, FramesPerSecond())


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_any_decodable_clip_gives_a_frame(tmp_path: Path, count: int, sampling: Sampling) -> None:
    path = write_clip(tmp_path / "short.mp4", count=count)
    assert len(list(sample_frames(path, sampling=sampling))) >= 1


def test_times_count_from_the_containers_start(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.ts", count=60)  # MPEG-TS starts at 1.4 s
    frames = list(sample_frames(path, sampling=EverySeconds(seconds=1)))
    assert [round(frame.timestamp_s, 2) for frame in frames] == [0.0, 1.0]
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.01)


def test_a_still_is_one_frame_that_counts_as_often_as_it_is_due(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "slides.mp4", times=[0, 1000, 31_000], count=3)
    extraction = extract_frames(path, sampling=FramesPerSecond(), short_side=64)
    assert [frame.frame_index for frame in extraction.frames] == [0, 1, 2]
    assert [frame.timestamp_s for frame in extraction.frames] == [0, 1, 31]
    assert [frame.repeats for frame in extraction.frames][:2] == [1, 30]
    once = extract_frames(path, sampling=FramesPerSecond(), short_side=64, once=True)
    assert [frame.repeats for frame in once.frames] == [1, 1, 1]
    assert [frame.image for frame in once.frames] == [frame.image for frame in extraction.frames]
    limits = Limits(max_frames=3)
    assert (
        extract_frames(
            path, sampling=FramesPerSecond(), limits=limits, short_side=64, once=True
        ).damage
        is None
    )


def test_the_repeats_of_stills_keep_the_frame_limit(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gap.mp4", times=[0, 1000, 36_000_000], count=3)
    extraction = extract_frames(
        path, sampling=FramesPerSecond(), limits=Limits(max_frames=20), short_side=64
    )
    assert [frame.repeats for frame in extraction.frames] == [1, 19]
    assert extraction.damage == "The limit of 20 frames cut the video short."


def damaged(clip: Path, *, holes: int = 3, length: int = 900) -> Path:
    """Zeroes stretches of the media data."""
    content = bytearray(clip.read_bytes())
    start = content.index(b"mdat") + 4000
    step = (content.index(b"moov") - start) // (holes + 1)
    for hole in range(1, holes + 1):
        at = start + hole * step
        content[at : at + length] = bytes(length)
    path = clip.with_stem("damaged")
    path.write_bytes(content)
    return path


def test_damaged_packets_are_lost_alone_and_reported(tmp_path: Path) -> None:
    path = damaged(write_clip(tmp_path / "clip.mp4", options=X264 | {"crf": "12"}))
    extraction = extract_frames(path, sampling=FramesPerSecond(rate=30), short_side=64)
    assert extraction.damage is not None
    counts = re.fullmatch(
        r"Packets lost to damage: (\d+); damaged pictures: (\d+)\.", extraction.damage
    )
    assert counts
    lost = int(counts[1])
    distinct = {frame.timestamp_s for frame in extraction.frames}
    assert 1 <= lost <= 15
    assert len(distinct) >= 90 - 2 * lost
    for sampling in SAMPLINGS:
        assert sampled(path, sampling) == decoded_in_full(path, sampling)


def test_sound_that_goes_on_after_the_pictures_is_no_damage(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "silent.mkv", options=X264)
    path = tmp_path / "sound.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        [pictures] = source.streams.video
        video = container.add_stream_from_template(pictures)
        audio = container.add_stream("pcm_s16le", rate=8000)
        for packet in source.demux(pictures):
            if packet.dts is not None:
                packet.stream = video
                container.mux(packet)
        silence = AudioFrame(format="s16", layout="mono", samples=8000 * 12)
        silence.sample_rate = 8000
        container.mux(audio.encode(silence))
        container.mux(audio.encode(None))
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(12e6, rel=0.05)
    assert extract_frames(path, sampling=FramesPerSecond(), short_side=64).damage is None


def test_a_truncated_file_keeps_what_is_there(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "whole.mkv", options=X264, count=150)
    path = tmp_path / "cut.mkv"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    extraction = extract_frames(path, sampling=FramesPerSecond(), short_side=64)
    assert 1 <= len(extraction.frames) < 5
    assert "s that the header claims" in (extraction.damage or "")


def test_the_frame_limit_is_reported(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    extraction = extract_frames(
        path, sampling=FramesPerSecond(rate=10), limits=Limits(max_frames=7), short_side=64
    )
    assert [frame.frame_index for frame in extraction.frames] == list(range(7))
    assert extraction.damage == "The limit of 7 frames cut the video short."


def test_the_decoding_limit_is_reported(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", size=(640, 360))
    limits = Limits(max_decode_seconds=0.03)
    report = DecodeReport()
    rate = FramesPerSecond(rate=30)
    frames = list(picked_frames(path, sampling=rate, limits=limits, report=report))
    assert 1 <= len(frames) < 90
    assert report.damage() == "The limit of 0.03 seconds of decoding cut the video short."


def test_pictures_over_the_pixel_limit_are_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    with pytest.raises(UnreadableVideoError, match="96 x 64, more than the limit of 1000 pixels"):
        extract_frames(path, sampling=KeyFrames(), limits=Limits(max_pixels=1000), short_side=64)


def test_a_picture_that_grows_over_the_limit_later_is_not_decoded(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "small.ts", count=30)
    large = write_clip(tmp_path / "large.ts", count=30, size=(320, 240))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    report = DecodeReport()
    frames = list(
        picked_frames(
            both,
            sampling=FramesPerSecond(rate=30),
            limits=Limits(max_pixels=200 * 200),
            report=report,
        )
    )
    assert {frame.frame.width for frame in frames} == {96}
    assert "Packets lost" in (report.damage() or "")
    free = list(sample_frames(both, sampling=FramesPerSecond(rate=30)))
    assert {frame.image.shape for frame in free} == {(64, 96, 3), (240, 320, 3)}


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_turns_pictures_upright(tmp_path: Path, rotation: int) -> None:
    path = write_clip(tmp_path / "turned.mp4", count=10, rotation=rotation, options={"crf": "5"})
    with av.open(str(path)) as container:
        coded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    info = probe(path)
    assert info.rotation % 360 == rotation % 360
    assert (info.width, info.height) == (96, 64)
    shown = next(sample_frames(path, sampling=FramesPerSecond())).image
    assert np.array_equal(shown, np.rot90(coded[-1], rotation // 90))
    assert np.abs(coded[-1].astype(int) - pictures(10)[-1]).mean() < 25


def test_a_picture_that_comes_far_too_late_is_damage(tmp_path: Path, monkeypatch) -> None:
    clip = write_clip(tmp_path / "late.mkv", options=X264, count=50)
    known = read_timeline(clip)
    short = replace(known, claimed_s=known.end_s)
    late = replace(short, claimed_s=0.5, pts=array("q", [pts * 100 for pts in known.pts]))
    for timeline, damaged in ((short, False), (late, True)):
        report = DecodeReport()
        monkeypatch.setattr("gap_assets.video.sampler.read_timeline", lambda _, t=timeline: t)
        frames = picked_frames(
            clip, sampling=FramesPerSecond(), limits=Limits(), report=report, once=True
        )
        assert list(frames)
        assert ("pictures come as late as" in (report.damage() or "").lower()) == damaged


def test_packets_of_which_most_give_no_picture_are_damage(tmp_path: Path, monkeypatch) -> None:
    clip = write_clip(tmp_path / "clip.mkv", options=X264, count=50)
    known = read_timeline(clip)
    everything = list(all_frames(clip, timeline=known, limits=Limits(), report=DecodeReport()))
    for kept, damaged in ((50, False), (30, False), (2, True)):
        monkeypatch.setattr(
            "gap_assets.video.sampler.all_frames", lambda *_, n=kept, **__: iter(everything[:n])
        )
        report = DecodeReport()
        timeline = replace(known, regular=False)
        rate = FramesPerSecond()
        assert list(decode_then_pick(clip, rate, timeline=timeline, limits=Limits(), report=report))
        found = (report.damage() or "").lower()
        assert ("only 2 of 50 packets gave a picture" in found) == damaged

"""The pictures that ffmpeg's own `fps` filter picks from the same file, by their hashes."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import av
import pytest
from av.container import Flags
from av.filter import Graph
from av.video.frame import VideoFrame

from gap_assets.video.decode import DecodeReport, Limits
from gap_assets.video.probe import probe
from gap_assets.video.sampler import picked_frames
from gap_assets.video.sampling import FixedCount, FramesPerSecond
from gap_assets_tests.video.clips import digest, write_clip

B_FRAMES = {"bf": "3", "g": "40"}

# name -> (codec, encoder options)
CLIPS = {
    "b_frames.avi": ("libx264", B_FRAMES),
    "b_frames.mp4": ("libx264", B_FRAMES),
    "b_frames.ts": ("libx264", B_FRAMES),
    "b_pyramid.avi": ("libx264", {"bf": "8", "b-pyramid": "normal", "x264-params": "b-adapt=0"}),
    "no_b_frames.avi": ("libx264", {"bf": "0"}),
    "mpeg4.avi": ("mpeg4", {"bf": "2"}),
    "mpeg4_no_b_frames.avi": ("mpeg4", {}),
    "mpeg1.avi": ("mpeg1video", {"bf": "2"}),
    "mpeg1.mpg": ("mpeg1video", {"bf": "2"}),
    "mpeg1.m1v": ("mpeg1video", {"bf": "2"}),
    "mpeg2.m2v": ("mpeg2video", {}),
}


def as_the_ffmpeg_command_decodes(path: Path) -> Iterator[VideoFrame]:
    """Every frame with the time that the command gives it before it filters."""
    with av.open(str(path)) as container:
        container.flags &= ~Flags.gen_pts.value  # which PyAV sets, and the command does not
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"
        raw = container.format.name == "mpegvideo"
        start = round((container.start_time or 0) / 1_000_000 / stream.time_base)
        following = 0
        for frame in container.decode(stream):
            stamp = frame.pts if frame.pts is not None else frame.dts
            frame.pts = following if raw or stamp is None else stamp - start
            following = frame.pts + frame.duration
            yield frame


def filtered(path: Path, rate: str) -> list[str]:
    """Digests of what libavfilter's `fps` gives, from 0 s on."""
    graph = Graph()
    with av.open(str(path)) as container:
        source = graph.add_buffer(template=container.streams.video[0])
    fps, sink = graph.add("fps", f"fps={rate}:start_time=0"), graph.add("buffersink")
    source.link_to(fps)
    fps.link_to(sink)
    graph.configure()
    picked = []
    for frame in [*as_the_ffmpeg_command_decodes(path), None]:
        graph.push(frame)
        for _ in count():
            try:
                picked.append(digest(graph.pull()))
            except (BlockingIOError, EOFError):
                break
    return picked


def sampled(path: Path, rate: float) -> list[str]:
    frames = picked_frames(
        path, sampling=FramesPerSecond(rate=rate), limits=Limits(), report=DecodeReport()
    )
    return [picture for f in frames for picture in [digest(f.frame)] * f.repeats]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    # 4.47 s: with the delay of a decoder that reorders frames, a fifth picture is due.
    return {
        name: write_clip(folder / name, codec=codec, options=options, count=134)
        for name, (codec, options) in CLIPS.items()
    }


@pytest.mark.parametrize("rate", ["1", "2.5", "40"])
@pytest.mark.parametrize("name", CLIPS)
def test_pictures_are_those_of_the_fps_filter(clips, name, rate):
    expected = filtered(clips[name], rate)
    assert len(expected) > 3
    assert sampled(clips[name], float(rate)) == expected


def test_avi_keeps_the_decoders_delay(clips):
    assert len(sampled(clips["b_frames.avi"], 1.0)) == 5
    assert len(sampled(clips["b_frames.mp4"], 1.0)) == 4


@pytest.mark.parametrize("name", CLIPS)
def test_rate_and_duration_are_those_of_the_pictures(clips, name):
    info = probe(clips[name])
    assert info.fps == pytest.approx(30)
    assert info.duration_s == pytest.approx(134 / 30, abs=0.002)


@pytest.mark.parametrize("pictures", [5, 134])
def test_a_fixed_count_is_never_exceeded_by_the_delay(clips, pictures):
    sampling = FixedCount(count=pictures)
    report = DecodeReport()
    frames = picked_frames(
        clips["b_pyramid.avi"], sampling=sampling, limits=Limits(), report=report
    )
    assert sum(frame.repeats for frame in frames) == pictures

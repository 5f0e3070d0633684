import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from gap_assets.video.container import UnreadableVideoError, open_video
from gap_assets.video.frames import extract_frames, sample_frames
from gap_assets.video.probe import probe
from gap_assets.video.sampling import FramesPerSecond
from gap_assets_tests.video.clips import pictures, write_clip


def refusal(path: Path) -> str:
    messages = []
    for read in (
        probe,
        lambda path: extract_frames(path, sampling=FramesPerSecond(), short_side=64),
    ):
        with pytest.raises(UnreadableVideoError) as error:
            read(path)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert messages[0].count("\n") == 0
    assert path.name in messages[0]
    return messages[0]


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    assert "is not a file that exists" in refusal(tmp_path / "nothing.mp4")
    assert "is not a file that exists" in refusal(tmp_path)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "is empty" in refusal(empty)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "is not a file that exists" in refusal(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nreal.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 'real.ts'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        "not a video at all\n",
    ],
    ids=["hls", "ffconcat", "sdp", "dash", "text"],
)
@pytest.mark.parametrize("extension", ["mp4", "m3u8", "ffconcat"])
def test_scripts_that_name_other_files_are_refused(
    tmp_path: Path, script: str, extension: str
) -> None:
    write_clip(tmp_path / "real.ts", count=10)
    path = tmp_path / f"script.{extension}"
    path.write_text(script)
    assert "not a readable video" in refusal(path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_images_are_refused_whatever_they_are_called(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.mp4"
    Image.fromarray(pictures(1)[0]).save(path, kind)
    assert "not a readable video" in refusal(path)


@pytest.mark.parametrize(
    "name",
    [
        "-i.mp4",
        "a b'c\".mp4",
        "c[0-9]*.mp4",
        "%03d.mp4",
        "视频🎬.mp4",
        "http:x.mp4",
        "concat:a|b.mp4",
    ],
)
def test_any_file_name_is_just_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_clip(tmp_path / "plain.mp4", count=30).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).duration_s == pytest.approx(1.0, abs=0.01)


def test_encrypted_mp4_is_refused(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "secret.mp4",
        container_options={
            "encryption_scheme": "cenc-aes-ctr",
            "encryption_key": "00112233445566778899aabbccddeeff",
            "encryption_kid": "0123456789abcdef0123456789abcdef",
        },
    )
    assert refusal(path) == "secret.mp4 is encrypted: decrypt it first."


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        silence = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "has no video stream" in refusal(path)


def test_a_codec_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "unknown.mp4", count=10)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert "has no video stream that can be decoded" in refusal(path)


def two_videos(path: Path, *, sizes: list[tuple[int, int]], default: int | None) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for index, (width, height) in enumerate(sizes):
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = av.stream.Disposition.default if index == default else 0
            streams.append(stream)
        for stream in streams:
            for picture in pictures(10, width=stream.width, height=stream.height):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("default", "chosen"), [(None, 320), (0, 96)])
def test_the_best_stream_is_chosen_as_ffmpeg_does(
    tmp_path: Path, default: int | None, chosen: int
) -> None:
    path = two_videos(tmp_path / "two.mkv", sizes=[(96, 64), (320, 180)], default=default)
    assert probe(path).width == chosen


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for stream, count in ((cover, 1), (video, 10)):
            for picture in pictures(count, width=stream.width, height=stream.height):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    with open_video(path) as (_, stream):
        assert (stream.width, stream.codec.name) == (96, "h264")


def test_metadata_in_another_encoding_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "latin.mkv"
    write_clip(path, count=10)
    content = path.read_bytes()
    at = content.index(b"Lavf")
    path.write_bytes(content[:at] + b"\xe9\xff\xfe\xe8" + content[at + 4 :])
    assert len(list(sample_frames(path, sampling=FramesPerSecond()))) == 1


def test_a_stream_that_appears_at_the_end_is_no_obstacle(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.flv", count=60)
    sound = bytes([0x2E, *range(40)])  # an MP3 tag after the last picture
    tag = bytes([8]) + len(sound).to_bytes(3) + bytes(7) + sound + (len(sound) + 11).to_bytes(4)
    path.write_bytes(path.read_bytes() + tag)
    # PyAV looks up the new stream by a byte of fresh memory, which this fills.
    command = [sys.executable, "-c", "import sys, pathlib, gap_assets.video.probe as probe;"]
    command[-1] += "print(probe.probe(pathlib.Path(sys.argv[1])).duration_s)"
    environment = os.environ | {"MALLOC_PERTURB_": "85", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [*command, path], env=environment, capture_output=True, text=True, check=False
    )
    assert run.stdout.startswith("2.0"), run.stderr

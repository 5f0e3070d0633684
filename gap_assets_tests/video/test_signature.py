"""Files that may be videos, told by their first bytes."""

import av
import numpy as np
import pytest

from gap_assets.pipeline.catalogue import find_videos
from gap_assets.video.signature import may_be_video

FORMATS = {
    "mp4": "mpeg4",
    "mov": "mpeg4",
    "matroska": "mpeg4",
    "webm": "libvpx",
    "avi": "mpeg4",
    "mpegts": "mpeg2video",
    "mpeg": "mpeg2video",
    "mpeg2video": "mpeg2video",
    "mpeg1video": "mpeg1video",
    "flv": "flv",
    "asf": "msmpeg4v3",
    "ogg": "libtheora",
}


def write_video(path, container, codec):
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode())


@pytest.mark.parametrize("container", FORMATS)
def test_every_accepted_container_is_known_without_a_suffix(tmp_path, container):
    codec = FORMATS[container]
    try:
        av.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this build of the libraries has no {codec}")
    write_video(tmp_path / "video", container, codec)
    assert may_be_video(tmp_path / "video")
    assert find_videos(tmp_path) == [tmp_path / "video"]


@pytest.mark.parametrize("content", [b"", b"G", b"#EXTM3U\nhttp://a.org/a.ts\n", b"\x7fELF"])
def test_other_files_are_not_videos(tmp_path, content):
    (tmp_path / "README").write_bytes(content)
    (tmp_path / "a.mp4").write_bytes(b"")
    assert not may_be_video(tmp_path / "README")
    assert find_videos(tmp_path) == [tmp_path / "a.mp4"]


def test_hidden_files_and_folders_are_none(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden").write_bytes(b"FLV\x01")
    with pytest.raises(FileNotFoundError, match="first bytes if they have none"):
        find_videos(tmp_path)
    assert not may_be_video(tmp_path / "missing")

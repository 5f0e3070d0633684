"""Opening a video file that nobody vouches for.

Belongs here: which files are opened at all, which stream is the video, and the sentence that says
why not. Does not belong here: packets and pictures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

# Demuxers that read one local file and follow nothing in it. libavformat matches the list after
# sniffing the content and before the demuxer reads its first byte, so a playlist, a script or a
# picture is refused whatever its name ends in.
CONTAINERS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "flv", "asf", "ogg",
)  # fmt: skip


class UnreadableVideoError(Exception):
    """The file yields no picture; the message is one sentence that names it and says why."""


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens a local file with its best video stream, ready to decode on one thread.

    External data references of QuickTime files are never followed: libavformat leaves them off by
    default, and only the `file` protocol is open to it.

    Raises:
        UnreadableVideoError: The file is missing, empty, not in an accepted container, encrypted,
            or without a video stream that can be decoded.
    """
    if not path.is_file():
        raise UnreadableVideoError(f"{path.name} is not a file that exists.")
    if not path.stat().st_size:
        raise UnreadableVideoError(f"{path.name} is empty.")
    try:
        # The absolute path keeps a name such as "concat:a" or "-" from being taken for more.
        container = av.open(
            str(path.absolute()),
            metadata_errors="ignore",
            options={"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"},
        )
    except (FFmpegError, ValueError) as error:
        raise UnreadableVideoError(
            f"{path.name} is not a readable video: its header is damaged or it is not one of the "
            f"accepted containers ({', '.join(CONTAINERS)})."
        ) from error
    with container:
        yield container, best_video_stream(container, path)


def best_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Picks the stream that ffmpeg picks: the largest, with 5 megapixels' credit for the default.

    Covers (attached pictures) are not videos.

    Raises:
        UnreadableVideoError: There is none, it is encrypted, or this build cannot decode it.
    """
    videos = [
        stream
        for stream in container.streams.video
        if stream.codec_context and not stream.disposition & Disposition.attached_pic
    ]
    if not videos:
        raise UnreadableVideoError(f"{path.name} has no video stream that can be decoded.")
    stream = max(
        videos,
        key=lambda video: (
            video.width * video.height + 5_000_000 * bool(video.disposition & Disposition.default)
        ),
    )
    if "enc_key_id" in stream.metadata:  # Matroska's ContentEncryption
        raise encrypted(path)
    stream.codec_context.thread_count = 1
    stream.codec_context.thread_type = "NONE"  # one thread per video, many videos at once
    return stream


def encrypted(path: Path) -> UnreadableVideoError:
    """The refusal of a file whose samples are ciphertext."""
    return UnreadableVideoError(f"{path.name} is encrypted: decrypt it first.")

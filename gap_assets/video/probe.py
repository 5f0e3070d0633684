"""What a video file is, without decoding more than one picture of it.

Belongs here: the description of a file. Does not belong here: sampling.
"""

from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from gap_assets.video.container import UnreadableVideoError, open_video
from gap_assets.video.decode import DecodeReport, Limits, all_frames
from gap_assets.video.timeline import RAW, read_timeline


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """A video's description.

    Attributes:
        container: libavformat's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        codec: libavcodec's name of the codec, such as "h264".
        width: Of the coded picture, before rotation.
        height: Of the coded picture, before rotation.
        rotation: Degrees, counter-clockwise, that turn the coded picture upright.
        fps: Average frame rate by the header; by the packets where it says none.
        duration_s: From the container's start to the end of the last frame, by the packets.
    """

    container: str
    codec: str
    width: int
    height: int
    rotation: int
    fps: float | None
    duration_s: float


def probe(path: Path) -> VideoInfo:
    """Describes a video by its packets and its first picture.

    Raises:
        UnreadableVideoError: The file cannot be opened, or no picture of it can be decoded.
    """
    report = DecodeReport()
    timeline = read_timeline(path)
    frames = all_frames(path, timeline=timeline, limits=Limits(), report=report)
    _, _, picture = next(frames, (0, 0, None))
    if picture is None:
        reason = report.damage() or "It holds no frame."
        raise UnreadableVideoError(f"No picture of {path.name} can be decoded. {reason}")
    with open_video(path) as (container, stream):
        return VideoInfo(
            container=container.format.name,
            codec=stream.codec.canonical_name,
            width=picture.width,
            height=picture.height,
            rotation=picture.rotation,
            fps=_claimed_rate(container, stream) or timeline.rate,
            duration_s=timeline.end_s,
        )


def _claimed_rate(container: InputContainer, stream: VideoStream) -> float | None:
    rate = None if container.format.name in RAW else stream.average_rate
    return float(rate) if rate else None

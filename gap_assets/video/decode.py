"""Packets to frames: all of them, or exactly those that are wanted and what they depend on.

Belongs here: driving the decoder, damage and limits. Does not belong here: which frames are wanted.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import thread_time

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gap_assets.limits import Limits as Limits
from gap_assets.video.container import UnreadableVideoError, open_video
from gap_assets.video.timeline import Feed, Timeline, video_packets

# Decoders whose key packets start afresh, so that groups of pictures can be left out.
GROUPED = {"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg1video", "mpeg2video"}


LONGEST_REORDERING = 16  # frames, in H.264 and HEVC


@dataclass(kw_only=True)
class DecodeReport:
    """What a decode cost and lost, filled in while it runs.

    Attributes:
        lost_packets: Packets that the decoder refused.
        concealed_frames: Frames in which the decoder made up damaged parts.
        notes: Other ways in which the result falls short, each a clause.
        decoder_seconds: CPU seconds in the decoder.
    """

    lost_packets: int = 0
    concealed_frames: int = 0
    notes: list[str] = field(default_factory=list)
    decoder_seconds: float = 0.0

    def damage(self) -> str | None:
        """One sentence, or None for a video that is whole."""
        counts = {
            "packets lost to damage": self.lost_packets,
            "damaged pictures": self.concealed_frames,
        }
        counted = [f"{what}: {count}" for what, count in counts.items() if count]
        clauses = "; ".join(counted + self.notes)
        return f"{clauses[0].upper()}{clauses[1:]}." if clauses else None


class InexactError(Exception):
    """The packets do not tell which frames there are: only decoding all of the file is exact."""


class TooLongError(Exception):
    """The decoder's CPU seconds are used up."""


def all_frames(
    path: Path, *, timeline: Timeline, limits: Limits, report: DecodeReport
) -> Iterator[tuple[int, int, VideoFrame]]:
    """Decodes every packet; one that is damaged is lost alone.

    Yields:
        (time, duration, frame) in the order of the decoder's output. Where the file stores no
        presentation times, those of ffmpeg: the decoding time of the packet that let the frame out,
        so that in AVI reordered frames are late by the decoder's delay, and where there is none the
        end of the frame before.
    """
    time, origin = 0, timeline.start
    with open_video(path) as (container, stream):
        decode = _decoder(stream, path=path, limits=limits, report=report)
        for packet in chain(video_packets(container, stream), (None,)):
            for frame in decode(packet):
                stamp = frame.pts if timeline.stamped else frame.dts
                if stamp is not None:
                    origin = stamp if origin is None else origin
                    time = stamp - origin
                report.concealed_frames += frame.is_corrupt
                yield time, frame.duration, frame
                time += frame.duration


def wanted_frames(
    path: Path,
    *,
    wanted: Collection[int],
    timeline: Timeline,
    limits: Limits,
    report: DecodeReport,
) -> Iterator[VideoFrame]:
    """Decodes the wanted frames, bit for bit as a full decode would, and little else.

    Not fed are frames that no other frame refers to, and the packets after the last wanted frame of
    each group of pictures.

    Args:
        path: The file.
        wanted: `pts` of the wanted frames, ascending.
        timeline: Of the file.
        limits: What the decode may cost.
        report: Filled in.

    Raises:
        InexactError: A packet is damaged, or the frames are not those that the packets promise.
    """
    entries: set[int | None] = set()
    missing = iter(wanted)
    due = next(missing, None)
    held: deque[tuple[int, VideoFrame]] = deque()
    for count, frame in enumerate(
        _fed_frames(path, timeline.feed(set(wanted)), entries, limits, report)
    ):
        surprising = due is not None and (frame.pts is None or frame.pts > due)
        dependent = frame.pts in entries and not frame.key_frame
        if surprising or dependent or frame.is_corrupt or report.lost_packets:
            raise InexactError
        if frame.pts == due:
            held.append((count, frame))
            due = next(missing, None)
        # What a frame refers to may come out after it, and only then be known as damaged.
        while held and held[0][0] + LONGEST_REORDERING <= count:
            yield held.popleft()[1]
    if due is not None or report.lost_packets:
        raise InexactError
    yield from (frame for _, frame in held)


def _fed_frames(
    path: Path, feed: bytearray, entries: set[int | None], limits: Limits, report: DecodeReport
) -> Iterator[VideoFrame]:
    """Frames that come out when packets are fed as planned.

    Where feeding resumes after a gap, the packet's time is added to `entries`.
    """
    with open_video(path) as (container, stream):
        codec = stream.codec_context
        if stream.codec.name not in GROUPED:
            raise InexactError
        decode = _decoder(stream, path=path, limits=limits, report=report)
        in_gap = False
        for plan, packet in zip(feed, video_packets(container, stream), strict=True):
            if plan == Feed.PACKET:
                if in_gap:
                    entries.add(packet.pts)
                in_gap = False
                yield from decode(packet)
            elif plan == Feed.GAP and not in_gap:
                in_gap = True
                yield from decode(None)
                codec.flush_buffers()
        if not in_gap:
            yield from decode(None)


def _decoder(
    stream: VideoStream, *, path: Path, limits: Limits, report: DecodeReport
) -> "Callable[[Packet[VideoStream] | None], list[VideoFrame]]":
    """A decode function that loses a damaged packet alone and keeps the limits.

    libavcodec itself refuses a later picture of more than `max_pixels` before it allocates it.
    """
    codec = stream.codec_context
    if codec.width * codec.height > limits.max_pixels:
        raise UnreadableVideoError(
            f"{path.name} has pictures of {codec.width} x {codec.height}, more than the limit of "
            f"{limits.max_pixels} pixels."
        )
    codec.options = {"max_pixels": str(limits.max_pixels)}

    def decode(packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        if report.decoder_seconds > limits.max_decode_seconds:
            raise TooLongError
        started = thread_time()
        try:
            return codec.decode(packet)
        except MemoryError:
            raise  # Also one of libav's; it says nothing of the packet.
        except FFmpegError:
            report.lost_packets += 1
            return []
        finally:
            report.decoder_seconds += thread_time() - started

    return decode

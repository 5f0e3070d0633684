"""Packets to frames: all of them, or exactly those that are wanted and what they depend on.

Belongs here: driving the decoder, damage and limits. Does not belong here: which frames are wanted.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import thread_time

from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gap_assets.video.container import UnreadableVideoError, open_video
from gap_assets.video.timeline import Feed, Timeline, video_packets

# Decoders whose key packets start afresh, so that groups of pictures can be left out.
GROUPED = {"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg1video", "mpeg2video"}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one video may cost at most.

    Attributes:
        max_pixels: Width times height of a picture; 8192 x 4352 is the largest of HEVC level 6.2.
        max_frames: Sampled frames.
        max_decode_seconds: CPU seconds in the decoder.
    """

    max_pixels: int = 8192 * 4352
    max_frames: int = 10_000
    max_decode_seconds: float = 3600.0


@dataclass(kw_only=True)
class DecodeReport:
    """What a decode cost and lost, filled in while it runs.

    Attributes:
        lost_packets: Packets that the decoder refused.
        notes: Other ways in which the result falls short, each a clause.
        decoder_seconds: CPU seconds in the decoder.
    """

    lost_packets: int = 0
    notes: list[str] = field(default_factory=list)
    decoder_seconds: float = 0.0

    def damage(self) -> str | None:
        """One sentence, or None for a video that is whole."""
        lost = [f"packets lost to damage: {self.lost_packets}"] if self.lost_packets else []
        clauses = "; ".join(lost + self.notes)
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
        (time, duration, frame) in the order of the decoder's output. A frame without any time
        stamp follows the one before it.
    """
    time = 0
    with open_video(path) as (container, stream):
        decode = _decoder(stream, path=path, limits=limits, report=report)
        for packet in chain(video_packets(container, stream), (None,)):
            for frame in decode(packet):
                stamp = frame.pts if frame.pts is not None else frame.dts
                time = time if stamp is None else stamp - timeline.start
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

    Frames that no other frame refers to are passed over by the decoder (`skip_frame`), and packets
    after a group's last wanted frame are not fed at all.

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
    for frame in _fed_frames(path, timeline.feed(set(wanted)), entries, limits, report):
        surprising = due is None or frame.pts is None or frame.pts > due
        if surprising or report.lost_packets or (frame.pts in entries and not frame.key_frame):
            raise InexactError
        if frame.pts == due:
            if frame.is_corrupt:
                raise InexactError
            yield frame
            due = next(missing, None)
            if due is None:
                return
    raise InexactError


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
        sparing = _spares_nonreference(codec)
        in_gap = False
        for plan, packet in zip(feed, video_packets(container, stream), strict=True):
            if plan == Feed.SKIP:
                if not in_gap:
                    yield from decode(None)
                    codec.flush_buffers()
                in_gap = True
                continue
            if in_gap:
                entries.add(packet.pts)
                in_gap = False
            codec.skip_frame = "NONREF" if sparing and plan == Feed.REFERENCE else "DEFAULT"
            yield from decode(packet)
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
        except FFmpegError:
            report.lost_packets += 1
            return []
        finally:
            report.decoder_seconds += thread_time() - started

    return decode


def _spares_nonreference(codec: VideoCodecContext) -> bool:
    """Whether leaving out non-reference frames leaves every other frame exact.

    In HEVC a picture counts as non-reference within its temporal layer only, so there must be no
    more than one layer, as the configuration record of MP4 and Matroska tells. VP8 and VP9 carry
    state (segment map, probabilities) through such frames.
    """
    if codec.name == "hevc":
        record = codec.extradata or b""
        return len(record) > 21 and record[0] == 1 and record[21] >> 3 & 7 == 1
    return codec.name in {"h264", "mpeg1video", "mpeg2video"}

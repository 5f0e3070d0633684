"""What a video's packets say before any is decoded.

Belongs here: the demux-only pass and the choice of packets that given frames need. Does not belong
here: decoding.
"""

import re
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream

from gap_assets.video.container import encrypted, open_video
from gap_assets.video.nal import packet_reader

RAW = {"mpegvideo"}  # no header: libavformat guesses the rate, and has no clock to start on
UNSTAMPED = {"avi"} | RAW


class Feed(IntEnum):
    """What the decoder gets of a packet."""

    GAP = 0  # nothing: no wanted frame needs anything from here to the next key packet
    NOTHING = 1  # nothing: it is one frame that is not wanted and that no other refers to
    PACKET = 2


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The packets of the video stream, in decoding order.

    Attributes:
        time_base: Seconds per unit of all times.
        start: The container's start on the clock of `pts`; other times count from it. None for raw
            MPEG, which has no clock: times count from the first frame.
        pts: Presentation time of each packet, or its decoding time where not `stamped`.
        durations: Duration of each packet, 0 where unknown.
        keys: Indices of the key packets, ascending.
        hidden: Indices of packets that the file's edit list hides.
        expendable: Indices of packets whose frame no other frame refers to, where that is known.
        stamped: Whether the file stores presentation times. AVI and raw MPEG do not: PyAV has
            libavformat make them up from the decoding order, and only the order of the decoder's
            output is right.
        regular: Whether the packets tell exactly which frames there are: each shown packet is whole
            and has a stored presentation time of its own.
        claimed_s: The duration in seconds that the header claims, if it does.
        clock_jumps: Whether the container is one of those whose clock may jump in mid-recording,
            such as MPEG-TS.
    """

    time_base: Fraction
    start: int | None
    pts: "array[int]"
    durations: "array[int]"
    keys: list[int]
    hidden: frozenset[int]
    expendable: frozenset[int]
    stamped: bool
    regular: bool
    claimed_s: float | None
    clock_jumps: bool

    @property
    def origin(self) -> int:
        """The moment on the clock of `pts` that times count from."""
        return min(self.pts, default=0) if self.start is None else self.start

    @property
    def end(self) -> int:
        """When the last frame ends."""
        return max((time + duration for time, duration, _ in self.frames()), default=0)

    @property
    def end_s(self) -> float:
        """When the last frame ends, in seconds."""
        return float(self.end * self.time_base)

    @property
    def rate(self) -> float | None:
        """Shown frames per second, from the first to the end of the last; None if that is 0 s."""
        frames = self.frames()
        seconds = float((self.end - frames[0][0]) * self.time_base) if frames else 0.0
        return len(frames) / seconds if seconds > 0 else None

    def frames(self) -> list[tuple[int, int, int]]:
        """(time, duration, pts) of the shown frames in presentation order."""
        origin = self.origin
        return sorted(
            (pts - origin, self.durations[index], pts)
            for index, pts in enumerate(self.pts)
            if index not in self.hidden
        )

    def key_times(self) -> list[int]:
        """`pts` of the shown key packets, ascending."""
        return sorted(self.pts[index] for index in self.keys if index not in self.hidden)

    def feed(self, wanted: Collection[int]) -> bytearray:
        """Chooses what to do with each packet so that the wanted frames come out exactly.

        A group of pictures begins at a key packet. It is fed up to its last wanted frame, and to
        its end where a leading picture of the next group is wanted: one that comes after that
        group's key packet, is shown before it, and may refer to frames on both sides of it.

        Args:
            wanted: `pts` of the wanted frames.

        Returns:
            A `Feed` value for each packet.
        """
        feed = bytearray(len(self.pts))  # Feed.GAP
        bounds = sorted({0, *self.keys, len(self.pts)})
        leading_wanted = False
        for start, stop in reversed(list(pairwise(bounds))):
            picks = [index for index in range(start, stop) if self.pts[index] in wanted]
            fed = stop if leading_wanted else picks[-1] + 1 if picks else start
            feed[start:fed] = bytes([Feed.PACKET]) * (fed - start)
            leading_wanted = any(self.pts[index] < self.pts[start] for index in picks)
        for index in self.expendable:
            if feed[index] == Feed.PACKET and self.pts[index] not in wanted:
                feed[index] = Feed.NOTHING
        return feed


def read_timeline(path: Path) -> Timeline:
    """Reads every packet of the best video stream, decoding none.

    Raises:
        UnreadableVideoError: The file cannot be opened, or its samples are encrypted.
    """
    pts, dts, durations = array("q"), array("q"), array("q")
    keys: list[int] = []
    hidden: set[int] = set()
    shown: set[int | None] = set()
    layers: dict[int, int] = {}  # of expendable packets
    top_layer = 0
    regular = True
    with open_video(path) as (container, stream):
        read_packet = packet_reader(stream.codec_context)
        for index, packet in enumerate(video_packets(container, stream)):
            if packet.has_sidedata("encryption_info"):
                raise encrypted(path)
            time = packet.pts
            if packet.is_discard:
                hidden.add(index)
            elif packet.is_corrupt or time in shown:
                regular = False
            else:
                shown.add(time)
            if packet.is_keyframe:
                keys.append(index)
            layer, expendable = read_packet(bytes(packet))
            top_layer = max(top_layer, layer)
            if expendable:
                layers[index] = layer
            pts.append(time or 0)
            dts.append(packet.dts if packet.dts is not None else time or 0)
            durations.append(packet.duration or 0)
        time_base = Fraction(stream.time_base or 1)
        name = container.format.name
        clock_jumps = Flags.ts_discont in Flags(container.format.flags)
        stamped = name not in UNSTAMPED and None not in shown
        start = round(Fraction(container.start_time or 0, 1_000_000) / time_base)
        claimed_s = _claimed_s(container, stream)
    return Timeline(
        time_base=time_base,
        start=None if name in RAW else start,
        pts=pts if stamped else dts,
        durations=durations,
        keys=keys,
        hidden=frozenset(hidden),
        expendable=frozenset(index for index, layer in layers.items() if layer == top_layer),
        stamped=stamped,
        regular=regular and stamped,
        claimed_s=claimed_s,
        clock_jumps=clock_jumps,
    )


def _claimed_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The duration of the pictures by the header: the container's, unless that is the sound's."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    whole = (container.duration or 0) / 1_000_000
    if any(0.9 * whole < (_tagged_s(sound) or 0) for sound in container.streams.audio):
        return _tagged_s(stream)
    return whole or None


def _tagged_s(stream: VideoStream | AudioStream) -> float | None:
    """The duration in the tag that Matroska's muxers write."""
    told = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if not told:
        return None
    hours, minutes, seconds = map(float, told.groups())
    return 3600 * hours + 60 * minutes + seconds


def video_packets(
    container: InputContainer, stream: VideoStream
) -> "Iterator[Packet[VideoStream]]":
    """Yields the stream's packets; where the file breaks off, they end."""
    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except (FFmpegError, IndexError):  # The latter when PyAV is done and finds a late stream.
        return

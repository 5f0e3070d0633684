"""What a video's packets say before any is decoded.

Belongs here: the demux-only pass and the choice of packets that given frames need. Does not belong
here: decoding.
"""

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from gap_assets.video.container import encrypted, open_video


class Feed(IntEnum):
    """What the decoder does with a packet."""

    SKIP = 0  # no wanted frame needs it
    REFERENCE = 1  # decode it only if other frames refer to it
    WHOLE = 2  # its frame is wanted


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The packets of the video stream, in decoding order.

    Attributes:
        time_base: Seconds per unit of all times.
        start: The container's start on the clock of `pts`; other times count from it.
        pts: Presentation time of each packet; where the file gives none, 0.
        durations: Duration of each packet, 0 where unknown.
        keys: Indices of the key packets, ascending.
        hidden: Indices of packets that the file's edit list hides.
        regular: Whether the packets tell exactly which frames there are: each shown packet is whole
            and has a presentation time of its own.
        claimed_s: The duration in seconds that the header claims, if it does.
    """

    time_base: Fraction
    start: int
    pts: "array[int]"
    durations: "array[int]"
    keys: list[int]
    hidden: frozenset[int]
    regular: bool
    claimed_s: float | None

    @property
    def end(self) -> int:
        """When the last frame ends."""
        return max((time + duration for time, duration, _ in self.frames()), default=0)

    @property
    def end_s(self) -> float:
        """When the last frame ends, in seconds."""
        return float(self.end * self.time_base)

    def frames(self) -> list[tuple[int, int, int]]:
        """(time, duration, pts) of the shown frames in presentation order."""
        return sorted(
            (pts - self.start, self.durations[index], pts)
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
        feed = bytearray(len(self.pts))
        bounds = sorted({0, *self.keys, len(self.pts)})
        leading_wanted = False
        for start, stop in reversed(list(pairwise(bounds))):
            picks = [index for index in range(start, stop) if self.pts[index] in wanted]
            fed = stop if leading_wanted else picks[-1] + 1 if picks else start
            feed[start:fed] = bytes([Feed.REFERENCE]) * (fed - start)
            for index in picks:
                feed[index] = Feed.WHOLE
            leading_wanted = any(self.pts[index] < self.pts[start] for index in picks)
        return feed


def read_timeline(path: Path) -> Timeline:
    """Reads every packet of the best video stream, decoding none.

    Raises:
        UnreadableVideoError: The file cannot be opened, or its samples are encrypted.
    """
    pts, durations = array("q"), array("q")
    keys: list[int] = []
    hidden: set[int] = set()
    shown: set[int] = set()
    regular = True
    with open_video(path) as (container, stream):
        for index, packet in enumerate(video_packets(container, stream)):
            if packet.has_sidedata("encryption_info"):
                raise encrypted(path)
            time = packet.pts
            if packet.is_discard:
                hidden.add(index)
            elif packet.is_corrupt or time is None or time in shown:
                regular = False
            else:
                shown.add(time)
            if packet.is_keyframe:
                keys.append(index)
            pts.append(time or 0)
            durations.append(packet.duration or 0)
        time_base = Fraction(stream.time_base or 1)
        if container.format.name == "avi":
            # AVI stores no presentation times. libavformat makes them up from the decoding order
            # and the decoder's delay: right but for an offset.
            start = min(shown, default=0)
        else:
            start = round(Fraction(container.start_time or 0, 1_000_000) / time_base)
        claimed = stream.duration * time_base if stream.duration else None
        if claimed is None and container.duration:
            claimed = Fraction(container.duration, 1_000_000)
    return Timeline(
        time_base=time_base,
        start=start,
        pts=pts,
        durations=durations,
        keys=keys,
        hidden=frozenset(hidden),
        regular=regular,
        claimed_s=None if claimed is None else float(claimed),
    )


def video_packets(
    container: InputContainer, stream: VideoStream
) -> "Iterator[Packet[VideoStream]]":
    """Yields the stream's packets; where the file breaks off, they end."""
    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except FFmpegError:
        return

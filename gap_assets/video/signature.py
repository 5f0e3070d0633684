"""Tells files that may be videos by their first bytes, where a name says nothing.

It reads a few hundred bytes and opens no decoder; whether a file really is a video, `container`
finds out.
"""

from pathlib import Path

TS_PACKET = 188  # bytes; each begins with G
MARKS = (
    (0, b"\x1aE\xdf\xa3"),  # Matroska, WebM
    (0, b"FLV\x01"),
    (0, b"OggS"),
    (0, b"0&\xb2u\x8ef\xcf\x11"),  # ASF
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x00\x00\x01\xb3"),  # MPEG-1 and MPEG-2 video
    (8, b"AVI "),
    *((4, box) for box in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")),  # MP4, QuickTime
)


def may_be_video(path: Path) -> bool:
    """Whether a file begins as one of the accepted containers does; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(2 * TS_PACKET + 1)
    except OSError:
        return False
    is_stream = all(head[at : at + 1] == b"G" for at in (0, TS_PACKET, 2 * TS_PACKET))
    return is_stream or any(head[at : at + len(mark)] == mark for at, mark in MARKS)

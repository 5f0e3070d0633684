"""Which H.264 and HEVC packets no other frame refers to, read from their unit headers.

Belongs here: the network abstraction layer (NAL), tables 7-1 of ITU-T H.264 and H.265. Does not
belong here: anything inside a slice.

Packets are told apart here, and not by the decoder's `skip_frame`, because a decoder in that mode
keeps silent about a damaged packet that it cannot classify.
"""

from collections.abc import Callable

from av.video.codeccontext import VideoCodecContext

H264_SIDE_UNITS = {6, 9, 12}  # supplemental information, delimiter, filler
HEVC_SIDE_UNITS = {35, 38, 39, 40}  # delimiter, filler, supplemental information


def packet_reader(codec: VideoCodecContext) -> Callable[[bytes], tuple[int, bool]]:
    """Returns the function from a packet to its temporal layer and whether it is expendable there.

    Expendable means that no picture of the same layer or a lower one refers to its picture, and
    that it holds nothing but that picture. H.264 has the one layer 0. What cannot be read is not
    expendable: parameter sets, damage, packets of other codecs.

    Only MP4 and Matroska are read, where a configuration record (avcC, hvcC) tells the size of the
    units' length fields and a packet is a whole frame. In MPEG-TS it may be a field of one.
    """
    hevc = codec.name == "hevc"
    record = codec.extradata or b""
    at = 21 if hevc else 4
    if codec.name not in {"h264", "hevc"} or len(record) <= at or record[0] != 1:
        return lambda _: (0, False)
    length_size = 1 + (record[at] & 3)
    read_unit = _hevc_unit if hevc else _h264_unit

    def read_packet(packet: bytes) -> tuple[int, bool]:
        start, layer, expendable = 0, 0, True
        while start < len(packet):
            header = start + length_size
            start = header + int.from_bytes(packet[start:header])
            if start < header + 2 or len(packet) < header + 2:
                return layer, False
            unit_layer, unit_expendable = read_unit(packet[header : header + 2])
            layer, expendable = max(layer, unit_layer), expendable and unit_expendable
        return layer, expendable and start == len(packet)

    return read_packet


def _h264_unit(header: bytes) -> tuple[int, bool]:
    reference, kind = header[0] >> 5 & 3, header[0] & 31
    return 0, kind in H264_SIDE_UNITS or (kind == 1 and not reference)


def _hevc_unit(header: bytes) -> tuple[int, bool]:
    kind, layer = header[0] >> 1 & 63, (header[1] & 7) - 1
    return layer, kind in HEVC_SIDE_UNITS or (kind < 16 and not kind % 2)

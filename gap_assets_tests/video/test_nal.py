import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.video.nal import packet_reader

RECORDS = {"h264": bytes([1, 100, 0, 30, 0xFF]), "hevc": bytes([1, *[0] * 20, 3])}


@pytest.mark.parametrize("name", RECORDS)
@given(st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=6)), max_size=4))
def test_units_of_any_length_are_read_or_called_needed(name, units):
    codec = av.CodecContext.create(name, "r")
    codec.extradata = RECORDS[name]
    packet = b"".join(length.to_bytes(4) + unit for length, unit in units)
    _, expendable = packet_reader(codec)(packet)
    assert not (expendable and any(length < 2 for length, _ in units[:1]))


@pytest.mark.parametrize("name", RECORDS)
def test_a_unit_that_is_cut_short_is_needed(name):
    codec = av.CodecContext.create(name, "r")
    codec.extradata = RECORDS[name]
    for size in range(7):
        assert packet_reader(codec)((b"\0\0\0\3\1\1\1")[:size]) in {(0, size == 0), (0, False)}

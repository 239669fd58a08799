import grpc_frames as wire
import pytest

from serving.http2.errors import ConnectionLevelError, ErrorCode
from serving.http2.reading import FrameReader

FRAMES = [(0, 1, 3, b"x" * 700), (6, 0, 0, b"12345678"), (4, 1, 0, b""), (9, 4, 5, b"y" * 16384)]
STREAM = wire.PREFACE + b"".join(wire.frame(*each) for each in FRAMES)


@pytest.mark.parametrize("size", [1, 2, 7, 9, 10, 24, 25, 33, 1000, 16393, 100_000])
def test_frames_are_the_same_however_the_bytes_are_cut(size):
    reader = FrameReader(16384)
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [frame for chunk in chunks for frame in reader.feed(chunk)] == FRAMES
    assert not reader.in_frame


def test_a_frame_that_has_begun_is_known():
    reader = FrameReader(16384)
    assert list(reader.feed(STREAM[:30])) == []
    assert reader.in_frame


def test_the_reserved_bit_of_a_stream_is_ignored():
    reader = FrameReader(16384)
    assert list(reader.feed(wire.PREFACE + wire.frame(0, 0, 0x80000003))) == [(0, 0, 3, b"")]


def test_a_frame_over_the_limit_is_refused_by_its_header_alone():
    reader = FrameReader(16384)
    with pytest.raises(ConnectionLevelError) as caught:
        list(reader.feed(wire.PREFACE + b"\x00\x40\x01\x00\x00\x00\x00\x00\x01"))
    assert caught.value.code == ErrorCode.FRAME_SIZE_ERROR


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.1"])
def test_what_is_not_http2_is_told_at_once(start):
    with pytest.raises(ConnectionLevelError) as caught:
        list(FrameReader(16384).feed(start))
    assert caught.value.code == ErrorCode.PROTOCOL_ERROR

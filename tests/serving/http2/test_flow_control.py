import struct

import grpc_frames as wire
import pytest

from serving.http2 import Connection, ConnectionFailed, ErrorCode, Limits, StreamReset
from serving.http2.headers import encoded

HEADERS = encoded([(b":status", b"200")])
TRAILERS = encoded([(b"grpc-status", b"0")])
SMALL = Limits(stream_window=1000, connection_window=65_535, max_frame_bytes=16384)


def started(*settings: tuple[int, int], limits: Limits = SMALL) -> Connection:
    connection = Connection(tuple, limits)
    connection.receive(wire.greeting(*settings), 0.0)
    connection.take_output()
    return connection


def body(frames) -> dict[int, bytes]:
    bodies: dict[int, bytes] = {}
    for kind, _, stream, payload in frames:
        if kind == wire.DATA:
            bodies[stream] = bodies.get(stream, b"") + payload
    return bodies


def test_a_response_in_one_piece_is_headers_data_and_trailers():
    connection = started()
    connection.receive(wire.request(1), 0.0)
    connection.send_response(1, HEADERS, b"body", TRAILERS)
    assert wire.split(connection.take_output()) == [
        (wire.HEADERS, wire.END_HEADERS, 1, HEADERS),
        (wire.DATA, 0, 1, b"body"),
        (wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, TRAILERS),
    ]
    assert connection.open_streams == 0


def test_a_large_response_waits_for_the_windows_of_stream_and_connection():
    connection = started()
    connection.receive(wire.request(1), 0.0)
    sent = bytes(range(256)) * 800  # 204,800 bytes; both windows are 65,535
    connection.send_response(1, HEADERS, sent, TRAILERS)
    received = b""
    frames = wire.split(connection.take_output(2**30))
    for stream in (0, 1, 1, 0):
        received += body(frames).get(1, b"")
        assert all(len(frame[3]) <= 16384 for frame in frames)
        connection.receive(wire.window(stream, 100_000), 0.0)
        frames = wire.split(connection.take_output(2**30))
    received += body(frames)[1]
    assert received == sent
    assert frames[-1] == (wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, TRAILERS)
    assert connection.open_streams == 0


def test_the_windows_are_used_to_the_last_byte_and_not_beyond():
    connection = started((4, 10))
    connection.receive(wire.request(1), 0.0)
    connection.send_response(1, HEADERS, b"x" * 25, TRAILERS)
    assert body(wire.split(connection.take_output())) == {1: b"x" * 10}
    connection.receive(wire.settings((4, 5)), 0.0)  # the window is now -5
    connection.receive(wire.window(1, 5), 0.0)
    assert body(wire.split(connection.take_output())) == {}
    connection.receive(wire.window(1, 7), 0.0)
    assert body(wire.split(connection.take_output())) == {1: b"x" * 7}
    connection.receive(wire.settings((4, 100)), 0.0)
    assert body(wire.split(connection.take_output())) == {1: b"x" * 8}


def test_streams_take_turns():
    connection = started((4, 2**20))
    connection.receive(wire.window(0, 2**20) + wire.request(1) + wire.request(3), 0.0)
    for stream in (1, 3):
        connection.send_response(stream, HEADERS, b"x" * 100_000, TRAILERS)
    frames = [f for f in wire.split(connection.take_output(2**30)) if f[0] == wire.DATA]
    assert [frame[2] for frame in frames[:6]] == [1, 3, 1, 3, 1, 3]


def test_a_stream_without_window_does_not_hold_up_another():
    connection = started((4, 10))
    connection.receive(wire.request(1) + wire.request(3), 0.0)
    connection.send_response(1, HEADERS, b"x" * 20, TRAILERS)
    connection.send_response(3, HEADERS, b"y" * 10, TRAILERS)
    assert body(wire.split(connection.take_output())) == {1: b"x" * 10, 3: b"y" * 10}


def test_output_comes_in_portions():
    connection = started((4, 2**30), (5, 2**20))
    connection.receive(wire.window(0, 2**30) + wire.request(1), 0.0)
    connection.send_response(1, HEADERS, b"x" * 1_000_000, TRAILERS)
    portions = []
    while portion := connection.take_output(100_000):
        portions.append(portion)
    assert max(map(len, portions)) < 170_000
    assert body(wire.split(b"".join(portions))) == {1: b"x" * 1_000_000}


def test_a_body_that_was_reset_is_not_sent():
    connection = started((4, 10))
    connection.receive(wire.request(1), 0.0)
    connection.send_response(1, HEADERS, b"x" * 20, TRAILERS)
    connection.take_output()
    connection.receive(wire.reset(1) + wire.window(1, 1000), 0.0)
    assert connection.take_output() == b""
    connection.send_response(1, HEADERS, b"x", TRAILERS)
    assert connection.take_output() == b""


def test_an_early_response_tells_the_client_to_stop_sending():
    connection = started()
    connection.receive(wire.headers(1), 0.0)
    connection.send_end(1, TRAILERS)
    frames = wire.split(connection.take_output())
    assert frames[-1] == (wire.RST, 0, 1, struct.pack(">I", ErrorCode.NO_ERROR))


def test_header_blocks_over_a_frame_are_continued():
    connection = started()
    connection.receive(wire.request(1), 0.0)
    block = encoded([(b"x-long", b"v" * 40_000)])
    connection.send_end(1, block)
    frames = wire.split(connection.take_output())
    assert [(frame[0], frame[1]) for frame in frames] == [
        (wire.HEADERS, wire.END_STREAM),
        (wire.CONTINUATION, 0),
        (wire.CONTINUATION, wire.END_HEADERS),
    ]
    assert b"".join(frame[3] for frame in frames) == block


def test_a_client_that_overruns_a_streams_window_loses_the_stream():
    connection = started()
    connection.receive(wire.headers(1) + wire.data(1, b"x" * 1000), 0.0)
    events = connection.receive(wire.data(1, b"x"), 0.0)
    assert events == [StreamReset(1, ErrorCode.FLOW_CONTROL_ERROR)]


def test_a_client_that_overruns_the_connections_window_loses_the_connection():
    connection = started()
    for stream in range(1, 2 * 65, 2):
        connection.receive(wire.headers(stream) + wire.data(stream, b"x" * 1000), 0.0)
    [_, _, failed] = connection.receive(
        wire.headers(201) + wire.data(201, b"x" * 500) + wire.data(201, b"x" * 36), 0.0
    )
    assert isinstance(failed, ConnectionFailed)
    assert failed.code == ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize("padding", [b"", b"\0" * 100])
def test_windows_widen_as_data_are_consumed_and_not_before(padding):
    connection = started()
    payload = bytes((len(padding),)) + b"x" * 399 + padding
    connection.receive(wire.headers(1), 0.0)
    for _ in range(2):
        connection.receive(wire.data(1, payload, wire.PADDED), 0.0)
    assert connection.take_output() == b""
    connection.consume(1, 399)
    # Padding, its length byte and the first body, all of which count.
    assert wire.split(connection.take_output()) == [
        (wire.WINDOW, 0, 1, struct.pack(">I", 399 + 2 * (1 + len(padding))))
    ] * (399 + 2 * (1 + len(padding)) >= 500)


def test_what_a_dead_stream_left_unconsumed_is_given_back_to_the_connection():
    connection = started()
    for stream in range(1, 2 * 1000, 2):
        sent = wire.headers(stream) + wire.data(stream, b"x" * 1000) + wire.reset(stream)
        events = connection.receive(sent, float(stream))
        assert not isinstance(events[-1], ConnectionFailed)
    granted = sum(
        struct.unpack(">I", payload)[0]
        for kind, _, stream, payload in wire.split(connection.take_output())
        if kind == wire.WINDOW and stream == 0
    )
    assert 1_000_000 - 65_535 <= granted <= 1_000_000

"""The rules of RFC 9113 as a table: what a client sends, and with which code it is answered."""

import struct

import grpc_frames as wire
import pytest

from serving.http2 import Connection, ConnectionFailed, ErrorCode, Limits, StreamReset
from serving.http2.events import DataReceived, RequestReceived

OPEN = wire.headers(1)
ENDED = wire.headers(1, flags=wire.END_STREAM)
LIMITS = Limits(max_frame_bytes=16384, max_concurrent_streams=5)


def talk(*sent: bytes, limits: Limits = LIMITS):
    connection = Connection(tuple, limits)
    events = connection.receive(wire.greeting() + b"".join(sent), 0.0)
    return events, wire.split(connection.take_output(2**30))


def codes(frames, kind):
    at = 4 if kind == wire.GOAWAY else 0
    return [struct.unpack_from(">I", frame[3], at)[0] for frame in frames if frame[0] == kind]


CONNECTION_ERRORS = {
    "DATA on stream 0": (wire.data(0, b"x"), "PROTOCOL_ERROR"),
    "DATA before HEADERS": (wire.data(1, b"x"), "PROTOCOL_ERROR"),
    "HEADERS on stream 0": (wire.headers(0), "PROTOCOL_ERROR"),
    "HEADERS on an even stream": (wire.headers(2), "PROTOCOL_ERROR"),
    "HEADERS on a lower stream": (wire.headers(5) + wire.headers(3), "STREAM_CLOSED"),
    "HEADERS within a header block": (
        wire.frame(wire.HEADERS, 0, 1, wire.block(wire.REQUEST)) + wire.headers(3),
        "PROTOCOL_ERROR",
    ),
    "PING within a header block": (
        wire.frame(wire.HEADERS, 0, 1, b"") + wire.frame(wire.PING, 0, 0, b"12345678"),
        "PROTOCOL_ERROR",
    ),
    "CONTINUATION without HEADERS": (wire.frame(wire.CONTINUATION, 4, 1), "PROTOCOL_ERROR"),
    "CONTINUATION of another stream": (
        wire.frame(wire.HEADERS, 0, 1, b"") + wire.frame(wire.CONTINUATION, 4, 3),
        "PROTOCOL_ERROR",
    ),
    "HEADERS that are no HPACK": (wire.frame(wire.HEADERS, 4, 1, b"\x80"), "COMPRESSION_ERROR"),
    "too much padding": (OPEN + wire.data(1, b"\x05abcd", wire.PADDED), "PROTOCOL_ERROR"),
    "no pad length": (OPEN + wire.data(1, b"", wire.PADDED), "FRAME_SIZE_ERROR"),
    "priority cut off": (wire.frame(wire.HEADERS, 0x24, 1, b"abc"), "FRAME_SIZE_ERROR"),
    "PRIORITY on stream 0": (wire.frame(wire.PRIORITY, 0, 0, b"\0\0\0\3\0"), "PROTOCOL_ERROR"),
    "RST_STREAM on an idle stream": (wire.reset(1), "PROTOCOL_ERROR"),
    "RST_STREAM on stream 0": (wire.reset(0), "PROTOCOL_ERROR"),
    "RST_STREAM of 3 bytes": (OPEN + wire.frame(wire.RST, 0, 1, b"abc"), "FRAME_SIZE_ERROR"),
    "SETTINGS on a stream": (wire.frame(wire.SETTINGS, 0, 1), "PROTOCOL_ERROR"),
    "SETTINGS of 5 bytes": (wire.frame(wire.SETTINGS, 0, 0, b"abcde"), "FRAME_SIZE_ERROR"),
    "SETTINGS acknowledged with bytes": (
        wire.frame(wire.SETTINGS, wire.ACK, 0, b"abcdef"),
        "FRAME_SIZE_ERROR",
    ),
    "ENABLE_PUSH of 2": (wire.settings((2, 2)), "PROTOCOL_ERROR"),
    "MAX_FRAME_SIZE of 16383": (wire.settings((5, 16383)), "PROTOCOL_ERROR"),
    "MAX_FRAME_SIZE of 2**24": (wire.settings((5, 2**24)), "PROTOCOL_ERROR"),
    "INITIAL_WINDOW_SIZE of 2**31": (wire.settings((4, 2**31)), "FLOW_CONTROL_ERROR"),
    "INITIAL_WINDOW_SIZE too large for a stream": (
        OPEN + wire.window(1, 2**31 - 1 - 65535) + wire.settings((4, 65536)),
        "FLOW_CONTROL_ERROR",
    ),
    "PUSH_PROMISE": (wire.frame(wire.PUSH, 4, 1, b"\0\0\0\2"), "PROTOCOL_ERROR"),
    "PING on a stream": (wire.frame(wire.PING, 0, 1, b"12345678"), "PROTOCOL_ERROR"),
    "PING of 7 bytes": (wire.frame(wire.PING, 0, 0, b"1234567"), "FRAME_SIZE_ERROR"),
    "GOAWAY on a stream": (wire.frame(wire.GOAWAY, 0, 1, b"\0" * 8), "PROTOCOL_ERROR"),
    "GOAWAY of 7 bytes": (wire.frame(wire.GOAWAY, 0, 0, b"\0" * 7), "FRAME_SIZE_ERROR"),
    "WINDOW_UPDATE of the connection by 0": (wire.window(0, 0), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE beyond 2**31-1": (wire.window(0, 2**31 - 1), "FLOW_CONTROL_ERROR"),
    "WINDOW_UPDATE on an idle stream": (wire.window(1, 1), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE of 3 bytes": (wire.frame(wire.WINDOW, 0, 0, b"abc"), "FRAME_SIZE_ERROR"),
    "a frame over the limit": (OPEN + wire.data(1, b"x" * 16385), "FRAME_SIZE_ERROR"),
    "a block of too many bytes": (
        wire.frame(wire.HEADERS, 0, 1, b"\0" * 16384)
        + wire.frame(wire.CONTINUATION, 0, 1, b"\0" * 16384) * 4,
        "ENHANCE_YOUR_CALM",
    ),
    "CONTINUATION for ever": (
        wire.frame(wire.HEADERS, 0, 1, b"") + wire.frame(wire.CONTINUATION, 0, 1) * 40,
        "ENHANCE_YOUR_CALM",
    ),
}

STREAM_ERRORS = {
    "DATA after END_STREAM": (ENDED + wire.data(1, b"x"), "STREAM_CLOSED"),
    "HEADERS after END_STREAM": (ENDED + wire.headers(1), "STREAM_CLOSED"),
    "a second header block in between": (
        OPEN + wire.headers(1, [("x", "y")]),
        "PROTOCOL_ERROR",
    ),
    "pseudo headers in trailers": (
        OPEN + wire.headers(1, [(":path", "/")], wire.END_STREAM),
        "PROTOCOL_ERROR",
    ),
    "no :path": (wire.headers(1, wire.changed(_path=None)), "PROTOCOL_ERROR"),
    "no :method": (wire.headers(1, wire.changed(_method=None)), "PROTOCOL_ERROR"),
    "no :scheme": (wire.headers(1, wire.changed(_scheme=None)), "PROTOCOL_ERROR"),
    "capitals": (wire.headers(1, wire.changed(X_Model="a")), "PROTOCOL_ERROR"),
    "connection-specific": (wire.headers(1, wire.changed(connection="close")), "PROTOCOL_ERROR"),
    "te that is not trailers": (wire.headers(1, wire.changed(te="gzip")), "PROTOCOL_ERROR"),
    "depends on itself": (
        wire.frame(wire.HEADERS, 0x24, 1, b"\0\0\0\1\0" + wire.block(wire.REQUEST)),
        "PROTOCOL_ERROR",
    ),
    "PRIORITY that depends on itself": (
        OPEN + wire.frame(wire.PRIORITY, 0, 1, b"\0\0\0\1\0"),
        "PROTOCOL_ERROR",
    ),
    "PRIORITY of 4 bytes": (
        OPEN + wire.frame(wire.PRIORITY, 0, 1, b"\0\0\0\1"),
        "FRAME_SIZE_ERROR",
    ),
    "WINDOW_UPDATE by 0": (OPEN + wire.window(1, 0), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE of a stream beyond 2**31-1": (
        OPEN + wire.window(1, 2**31 - 1),
        "FLOW_CONTROL_ERROR",
    ),
    "a body longer than announced": (
        wire.headers(1, wire.changed(content_length="3")) + wire.data(1, b"four"),
        "PROTOCOL_ERROR",
    ),
    "a body shorter than announced": (
        wire.headers(1, wire.changed(content_length="5")) + wire.data(1, b"four", wire.END_STREAM),
        "PROTOCOL_ERROR",
    ),
    "no body, though announced": (
        wire.headers(1, wire.changed(content_length="5"), wire.END_STREAM),
        "PROTOCOL_ERROR",
    ),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_a_broken_connection_goes_away_and_says_why(case):
    sent, code = CONNECTION_ERRORS[case]
    events, frames = talk(sent, wire.request(9))
    assert isinstance(events[-1], ConnectionFailed)
    assert events[-1].code.name == code
    assert codes(frames, wire.GOAWAY) == [ErrorCode[code]]
    assert frames[-1][0] == wire.GOAWAY


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_a_broken_stream_is_reset_and_the_others_go_on(case):
    sent, code = STREAM_ERRORS[case]
    events, frames = talk(sent, wire.request(9))
    assert codes(frames, wire.RST) == [ErrorCode[code]]
    assert codes(frames, wire.GOAWAY) == []
    assert events[-1] == DataReceived(9, wire.message(b"hello"), ended=True)
    opened = any(isinstance(e, RequestReceived) and e.stream_id == 1 for e in events)
    assert opened == any(isinstance(event, StreamReset) for event in events)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", wire.PREFACE + wire.request(1)])
def test_without_preface_or_settings_there_is_no_connection(first):
    connection = Connection(tuple)
    [failed] = connection.receive(first, 0.0)
    assert isinstance(failed, ConnectionFailed)
    assert failed.code == ErrorCode.PROTOCOL_ERROR
    assert connection.receive(wire.greeting(), 0.0) == []


IGNORED = {
    "unknown frames": wire.frame(0x77, 0xFF, 3, b"what"),
    "unknown settings": wire.settings((0x99, 7), (3, 0)),
    "PRIORITY of an idle stream": wire.frame(wire.PRIORITY, 0, 7, b"\0\0\0\3\0"),
    "our SETTINGS acknowledged": wire.frame(wire.SETTINGS, wire.ACK, 0),
    "a PING answered that was not sent": wire.frame(wire.PING, wire.ACK, 0, b"12345678"),
}


@pytest.mark.parametrize("case", IGNORED)
def test_what_has_no_meaning_here_is_ignored(case):
    events, frames = talk(IGNORED[case], wire.request(1))
    assert [type(event) for event in events] == [RequestReceived, DataReceived]
    assert {wire.RST, wire.GOAWAY}.isdisjoint(frame[0] for frame in frames)


def test_a_request_in_padded_prioritized_pieces_is_read():
    fields = wire.block(wire.REQUEST)
    padded = b"\x03" + b"\0\0\0\0\x10" + fields[:10] + b"\0\0\0"
    events, _ = talk(
        wire.frame(wire.HEADERS, wire.PADDED | wire.PRIORITIZED, 1, padded),
        wire.frame(wire.CONTINUATION, 0, 1, fields[10:12]),
        wire.frame(wire.CONTINUATION, wire.END_HEADERS, 1, fields[12:]),
        wire.data(1, b"\x02body\0\0", wire.PADDED),
        wire.headers(1, [("x-after", "1")], wire.END_STREAM),
    )
    assert events == [
        RequestReceived(1, tuple((a.encode(), b.encode()) for a, b in wire.REQUEST), ended=False),
        DataReceived(1, b"body", ended=False),
        DataReceived(1, b"", ended=True),
    ]


def test_streams_over_the_limit_are_refused_and_may_be_tried_again():
    events, frames = talk(*(wire.headers(stream) for stream in (1, 3, 5, 7, 9, 11)))
    assert [event.stream_id for event in events] == [1, 3, 5, 7, 9]
    assert codes(frames, wire.RST) == [ErrorCode.REFUSED_STREAM]


def test_ping_and_settings_are_answered():
    _, frames = talk(wire.frame(wire.PING, 0, 0, b"abcdefgh"))
    assert (wire.PING, wire.ACK, 0, b"abcdefgh") in frames
    assert (wire.SETTINGS, wire.ACK, 0, b"") in frames


def test_frames_that_were_under_way_to_a_reset_stream_are_ignored():
    connection = Connection(tuple)
    connection.receive(wire.greeting() + OPEN, 0.0)
    connection.reset(1, ErrorCode.CANCEL)
    connection.take_output()
    late = wire.data(1, b"late") + wire.headers(1, [("x", "y")], wire.END_STREAM) + wire.reset(1)
    assert connection.receive(late, 0.0) == []
    assert connection.take_output() == b""


FLOODS = {
    "rapid reset": [wire.headers(n) + wire.reset(n) for n in range(1, 6001, 2)],
    "provoked resets": [wire.headers(n) + wire.window(n, 0) for n in range(1, 6001, 2)],
    "PING": [wire.frame(wire.PING, 0, 0, b"12345678")] * 3000,
    "SETTINGS": [wire.settings((3, 1))] * 3000,
    "empty DATA": [OPEN, *[wire.data(1, b"")] * 3000],
    "PRIORITY": [wire.frame(wire.PRIORITY, 0, 9, b"\0\0\0\3\0")] * 3000,
    "unknown frames": [wire.frame(0x77, 0, 0)] * 3000,
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_ends_the_connection(case):
    events, frames = talk(*FLOODS[case])
    assert isinstance(events[-1], ConnectionFailed)
    assert events[-1].code == ErrorCode.ENHANCE_YOUR_CALM
    assert codes(frames, wire.GOAWAY) == [ErrorCode.ENHANCE_YOUR_CALM]


def test_the_same_frames_at_a_human_pace_are_no_flood():
    connection = Connection(tuple)
    connection.receive(wire.greeting(), 0.0)
    for second in range(1, 4000):
        stream = 2 * second - 1
        sent = wire.frame(wire.PING, 0, 0, b"12345678") * 20 + wire.headers(stream)
        events = connection.receive(sent + wire.reset(stream), float(second))
        connection.take_output()
        assert [type(event) for event in events] == [RequestReceived, StreamReset]


def test_calls_given_up_at_their_deadline_are_no_flood():
    connection = Connection(tuple)
    connection.receive(wire.greeting(), 0.0)
    for turn in range(20):
        streams = range(1 + turn * 1000, 1 + (turn + 1) * 1000, 2)
        connection.receive(b"".join(map(wire.headers, streams)), turn * 0.1)
        events = connection.receive(b"".join(map(wire.reset, streams)), turn * 0.1 + 0.06)
        assert [type(event) for event in events] == [StreamReset] * 500
    connection.receive(b"".join(wire.reset(1) for _ in range(1500)), 2.0)
    assert wire.GOAWAY not in [frame[0] for frame in wire.split(connection.take_output(2**30))]


def test_a_ping_for_each_part_of_a_long_response_is_no_flood():
    connection = Connection(tuple)
    connection.receive(wire.greeting((4, 2**30)) + wire.window(0, 2**30) + wire.request(1), 0.0)
    for _ in range(5000):
        connection.send_body(1, b"part")
        connection.take_output()
        assert connection.receive(wire.frame(wire.PING, 0, 0, b"12345678"), 0.0) == []
    assert wire.split(connection.take_output())[-1][0] == wire.PING


def test_replies_do_not_pile_up_for_a_peer_that_does_not_read():
    connection = Connection(tuple, Limits(max_unread_bytes=10_000))
    events = connection.receive(wire.greeting(), 0.0)
    for _ in range(100):
        events += connection.receive(wire.frame(wire.PING, 0, 0, b"12345678") * 8, 0.0)
    assert isinstance(events[-1], ConnectionFailed)
    assert events[-1].code == ErrorCode.ENHANCE_YOUR_CALM
    assert len(connection.take_output(2**30)) < 11_000


def test_a_drain_is_announced_then_final():
    connection = Connection(tuple)
    connection.receive(wire.greeting() + OPEN, 0.0)
    connection.take_output()
    connection.announce_drain()
    goaway, ping = wire.split(connection.take_output())
    assert goaway == (wire.GOAWAY, 0, 0, b"\x7f\xff\xff\xff" + b"\0" * 4)
    # A stream that was opened before the client knew is served.
    events = connection.receive(wire.headers(3) + wire.frame(wire.PING, wire.ACK, 0, ping[3]), 0.0)
    assert [type(event).__name__ for event in events] == ["RequestReceived", "DrainAnswered"]
    connection.finish_drain()
    connection.finish_drain()
    assert wire.split(connection.take_output()) == [(wire.GOAWAY, 0, 0, b"\0\0\0\x03" + b"\0" * 4)]
    assert connection.receive(wire.request(5), 0.0) == []

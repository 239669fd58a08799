"""Whatever a peer sends, a connection answers with frames and never with an exception."""

import grpc_frames as wire
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http2 import Connection, ConnectionFailed, DataReceived, RequestReceived
from serving.http2.headers import encoded

HEADERS = encoded([(b":status", b"200")])
TRAILERS = encoded([(b"grpc-status", b"0")])

STREAMS = st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1])
LIKELY_PAYLOADS = st.sampled_from(
    [
        b"",
        b"\0\0\0\0",
        b"\0\0\0\1",
        b"\x7f\xff\xff\xff",
        b"12345678",
        b"\0\4\x7f\xff\xff\xff",
        b"\0\5\0\0\x40\0",
        wire.block(wire.REQUEST),
        wire.message(b"hello"),
    ]
)
FRAMES = st.builds(
    wire.frame,
    st.integers(0, 11),
    st.integers(0, 255),
    STREAMS,
    LIKELY_PAYLOADS | st.binary(max_size=60),
)
REQUESTS = st.sampled_from([1, 3, 5, 7]).map(wire.request)


def serve(chunks: list[bytes]) -> Connection:
    """Echoes bodies, as an application would, and checks what comes out."""
    connection = Connection(tuple)
    output = b""
    for now, chunk in enumerate(chunks):
        for event in connection.receive(chunk, float(now)):
            if isinstance(event, DataReceived):
                connection.consume(event.stream_id, len(event.data))
            if isinstance(event, DataReceived | RequestReceived) and event.ended:
                connection.send_response(event.stream_id, HEADERS, b"x" * 70_000, TRAILERS)
            if isinstance(event, ConnectionFailed):
                assert connection.receive(b"more", float(now)) == []
        output += connection.take_output()
    wire.split(output)  # whole frames only
    return connection


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAMES | REQUESTS, max_size=12), st.integers(1, 200))
def test_any_frames_in_any_order(frames, size):
    sent = wire.greeting() + b"".join(frames)
    serve([sent[start : start + size] for start in range(0, len(sent), size)])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_damage_to_good_bytes(data):
    good = wire.greeting((4, 100)) + b"".join(map(wire.request, (1, 3, 5))) + wire.window(0, 1000)
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not damaged:
            break
    serve([bytes(damaged), wire.request(9)])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_header_block(block):
    serve([wire.greeting(), wire.frame(wire.HEADERS, 5, 1, block), wire.request(3)])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([1, 3, 5]), max_size=30), st.integers(1, 50_000))
def test_no_byte_of_a_response_is_lost_whatever_the_windows_are(grants, step):
    connection = Connection(tuple)
    connection.receive(wire.greeting((4, step)) + b"".join(map(wire.request, (1, 3, 5))), 0.0)
    sent = {stream: bytes((stream,)) * 60_000 for stream in (1, 3, 5)}
    for stream, body in sent.items():
        connection.send_response(stream, HEADERS, body, TRAILERS)
    output = connection.take_output()
    connection.receive(wire.window(0, 200_000), 0.0)
    for stream in [*grants, 1, 3, 5]:
        connection.receive(wire.window(stream, 60_000 if stream not in grants else step), 0.0)
        output += connection.take_output(2**30)
    for stream in (1, 3, 5):
        connection.receive(wire.window(stream, 60_000), 0.0)
    output += connection.take_output(2**30)
    received = dict.fromkeys(sent, b"")
    for kind, _, stream, payload in wire.split(output):
        if kind == wire.DATA:
            received[stream] += payload
    assert received == sent
    assert connection.open_streams == 0

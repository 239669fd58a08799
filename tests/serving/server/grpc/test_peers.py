"""Clients that are odd, slow, or gone."""

import logging
import random
import struct
import time

import grpc
import grpc_frames as wire
import pytest
from grpc_peer import Peer
from grpc_servers import method, running

from serving.http2 import ErrorCode
from serving.server.grpc import Patience

TIMEOUT = 30
SLEEP = wire.changed(_path="/test.S/Sleep")
ECHO = wire.changed(_path="/test.S/Echo")


@pytest.fixture
def peer(server):
    with Peer(server.port) as peer:
        yield peer


def goaway_code(peer: Peer) -> int:
    [payload] = [frame[3] for frame in peer.frames if frame[0] == wire.GOAWAY]
    return struct.unpack_from(">I", payload, 4)[0]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (wire.changed(content_type="application/json"), "415"),
        (wire.changed(content_type=None), "415"),
        (wire.changed(_method="GET"), "405"),
    ],
)
def test_what_is_not_grpc_gets_an_http_status(peer, fields, status):
    peer.send(wire.headers(1, fields, wire.END_STREAM))
    answer, body = peer.response(1)
    assert (answer[":status"], body) == (status, b"")


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        (wire.changed(_path="/test.S/Echo", grpc_encoding="snappy"), wire.message(b"x"), "12"),
        (wire.changed(_path="/test.S/Echo", grpc_timeout="soon"), wire.message(b"x"), "13"),
        (wire.changed(_path="/nothing"), wire.message(b"x"), "12"),
        (ECHO, b"", "13"),
        (ECHO, wire.message(b"x") * 2, "13"),
        (ECHO, wire.message(b"x")[:-1], "13"),
        (ECHO, b"\1" + wire.message(b"x")[1:], "13"),
        (ECHO, b"\7" + wire.message(b"x")[1:], "13"),
        (wire.changed(_path="/test.S/Echo", grpc_encoding="gzip"), b"\1\0\0\0\1x", "13"),
        (wire.changed(_path="/test.S/EchoAll"), wire.message(b"x")[:-1], "13"),
    ],
)
def test_a_call_that_cannot_be_read_gets_a_status_and_the_next_is_served(
    peer, fields, body, status
):
    peer.send(wire.headers(1, fields), wire.data(1, body, wire.END_STREAM))
    answer, reply = peer.response(1)
    assert (answer[":status"], answer["grpc-status"], reply) == ("200", status, b"")
    assert answer["grpc-accept-encoding"] == "identity,deflate,gzip"
    peer.send(wire.headers(3, ECHO), wire.data(3, wire.message(b"ok"), wire.END_STREAM))
    assert peer.response(3)[1] == wire.message(b"ok")


def test_a_request_without_body_gets_a_status(peer):
    peer.send(wire.headers(1, ECHO, wire.END_STREAM))
    assert peer.response(1)[0]["grpc-status"] == "13"


def test_a_message_may_come_byte_by_byte(peer):
    sent = wire.headers(1, ECHO) + wire.data(1, wire.message(b"slowly"), wire.END_STREAM)
    for position in range(len(sent)):
        peer.send(sent[position : position + 1])
    answer, body = peer.response(1)
    assert (answer["grpc-status"], body) == ("0", wire.message(b"slowly"))


def test_a_call_refused_early_is_told_to_stop_sending(peer):
    peer.send(wire.headers(1, wire.changed(_path="/nothing")))
    assert peer.response(1)[0]["grpc-status"] == "12"
    assert peer.next() == (wire.RST, 0, 1, struct.pack(">I", ErrorCode.NO_ERROR))


def test_http1_is_turned_away_at_once(server):
    with Peer(server.port, greet=False) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        peer.read_to_end()
        assert goaway_code(peer) == ErrorCode.PROTOCOL_ERROR


def test_a_reset_of_the_stream_cancels_the_handler(peer, methods):
    peer.send(wire.headers(1, SLEEP), wire.data(1, wire.message(b""), wire.END_STREAM))
    assert methods.started.wait(TIMEOUT)
    peer.send(wire.reset(1))
    assert methods.cancelled.wait(TIMEOUT)


def test_a_reset_of_the_connection_cancels_the_handler(server, peer, methods):
    peer.send(wire.headers(1, SLEEP), wire.data(1, wire.message(b""), wire.END_STREAM))
    assert methods.started.wait(TIMEOUT)
    peer.abort()
    assert methods.cancelled.wait(TIMEOUT)


def test_a_client_that_says_goodbye_gets_its_last_response(peer):
    peer.send(wire.headers(1, ECHO), wire.data(1, wire.message(b"last"), wire.END_STREAM))
    peer.send(wire.frame(wire.GOAWAY, 0, 0, b"\0" * 8))
    assert peer.response(1)[1] == wire.message(b"last")
    peer.read_to_end()


@pytest.mark.parametrize(
    "begun",
    [b"", wire.PREFACE[:5], wire.greeting() + wire.frame(wire.HEADERS, 0, 1, b"")],
    ids=["nothing", "half a preface", "half a header block"],
)
def test_a_client_that_does_not_finish_its_head_is_turned_away(methods, begun):
    with (
        running(lambda: methods.server(patience=Patience(head_sec=0.2))) as server,
        Peer(server.port, greet=False) as peer,
    ):
        peer.send(begun)
        peer.read_to_end()
        assert goaway_code(peer) == ErrorCode.SETTINGS_TIMEOUT


def test_a_client_that_stops_within_a_frame_is_turned_away(methods):
    with (
        running(lambda: methods.server(patience=Patience(frame_sec=0.2))) as server,
        Peer(server.port) as peer,
    ):
        peer.send(wire.headers(1, ECHO), wire.data(1, wire.message(b"x" * 100))[:50])
        peer.read_to_end()
        assert goaway_code(peer) == ErrorCode.SETTINGS_TIMEOUT


def test_an_idle_channel_stays_open(methods):
    patience = Patience(head_sec=0.1, frame_sec=0.1)
    with (
        running(lambda: methods.server(patience=patience)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        for _ in range(2):
            assert method(channel, "Echo")(b"x", timeout=TIMEOUT) == b"x"
            time.sleep(0.5)
        assert len({call.peer for call in methods.calls}) == 1


def test_a_client_that_does_not_read_has_its_responses_wait(server):
    """40 MB of responses that nobody reads: the server holds them, but not in its write buffer."""
    with Peer(server.port, (4, 2**30)) as peer:
        grow = wire.changed(_path="/test.S/Grow")
        peer.send(wire.window(0, 2**30))
        for stream in range(1, 80, 2):
            peer.send(
                wire.headers(stream, grow),
                wire.data(stream, wire.message(b"1000000"), wire.END_STREAM),
            )
        peer.next()
        [channel] = server.server._channels
        while not channel._paused:
            time.sleep(0.01)
        assert channel._transport.get_write_buffer_size() < 1_000_000
        for stream in range(1, 80, 2):
            # Read in any order; those that came before are in `frames`.
            while not any(f[2] == stream and f[1] & wire.END_STREAM for f in peer.frames):
                peer.next()
        total = sum(len(frame[3]) for frame in peer.frames if frame[0] == wire.DATA)
        assert total == 40 * 1_000_005


def test_a_client_that_pings_and_does_not_read_is_cut_off(server):
    """The server's memory would grow with every answer."""
    ping = wire.frame(wire.PING, 0, 0, b"12345678")
    with Peer(server.port) as peer:
        try:
            for _ in range(3000):
                peer.send(ping * 1000)
        except (ConnectionResetError, BrokenPipeError):
            return
        peer.read_to_end()
        assert goaway_code(peer) == ErrorCode.ENHANCE_YOUR_CALM


def test_no_bytes_break_the_server(server, caplog):
    """Damaged requests of all kinds; asyncio logs an error where a protocol raises one."""
    random_numbers = random.Random(7)
    paths = ["Echo", "EchoAll", "Stall", "Fail", "Grow"]
    for _ in range(200):
        path = random_numbers.choice(paths)
        good = bytearray(
            wire.greeting((4, 100))
            + wire.headers(1, wire.changed(_path=f"/test.S/{path}", grpc_encoding="gzip"))
            + wire.data(1, wire.message(b"NOT_FOUND x"), random_numbers.choice([0, 1]))
            + wire.headers(3, wire.changed(_path="/test.S/Echo", grpc_timeout="1m"))
            + wire.data(3, wire.message(b"x" * 200), wire.END_STREAM)
        )
        for _ in range(random_numbers.randint(1, 4)):
            good[random_numbers.randrange(24, len(good))] = random_numbers.randrange(256)
        with Peer(server.port, greet=False) as peer:
            peer.send(bytes(good))
            peer.socket.recv(1)
    with Peer(server.port) as peer:
        peer.send(wire.headers(1, ECHO), wire.data(1, wire.message(b"x"), wire.END_STREAM))
        assert peer.response(1)[1] == wire.message(b"x")
    loud = [record for record in caplog.records if record.levelno >= logging.ERROR]
    # "Grow" does not check what it is sent, which is the handler's fault, and logged as such.
    assert [r.getMessage() for r in loud if "Grow" not in r.getMessage()] == []


def test_rapid_resets_are_cut_off(server, methods):
    with Peer(server.port) as peer:
        try:
            for stream in range(1, 20_000, 2):
                peer.send(wire.headers(stream, SLEEP), wire.reset(stream))
        except (ConnectionResetError, BrokenPipeError):
            return
        peer.read_to_end()
        assert goaway_code(peer) == ErrorCode.ENHANCE_YOUR_CALM

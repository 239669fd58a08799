"""What clients may do on a connection beside asking and waiting: hurry, dawdle, break off, talk."""

import http.client
import json
import socket
import time

import pytest
from rest_servers import PATIENCE_SEC, running

from serving.server.rest import RestOptions

PREDICT = "/v1/models/half_plus_two:predict"
SLOW = "/v1/models/slow:predict"
BODY = b'{"instances": [1.0]}'
ANSWER = b'{"predictions": [2.5]}'
MALFORMED = b'{"error": "Malformed request: Invalid HTTP request received."}'
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


def request_bytes(path=PREDICT, body=BODY, *headers: str, version="1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def everything(sock: socket.socket) -> list[tuple[int, bytes, str]]:
    """Reads answers until the server closes: status, body and `connection` of each."""
    found = []
    with sock.makefile("rb") as stream:
        while status_line := stream.readline():
            headers = http.client.parse_headers(stream)
            body = stream.read(int(headers["content-length"]))
            found.append((int(status_line.split()[1]), body, headers["connection"]))
    return found


def test_what_is_no_request_is_refused_after_the_calls_before_it(server):
    with server.connect() as sock:
        sock.sendall(request_bytes() + HEALTH + b"no HTTP\r\n\r\n" + HEALTH)
        assert everything(sock) == [
            (200, ANSWER, None),
            (200, b"ok", None),
            (400, MALFORMED, "close"),
        ]


def test_a_broken_body_is_refused_after_the_calls_before_it(server):
    broken = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nz\r\n"
    with server.connect() as sock:
        sock.sendall(request_bytes() + broken.encode())
        assert everything(sock) == [(200, ANSWER, None), (400, MALFORMED, "close")]


@pytest.mark.parametrize(
    "last",
    [
        request_bytes(PREDICT, BODY, "connection: close"),
        request_bytes(version="1.0"),
        request_bytes(PREDICT, BODY, "connection: keep-alive", version="1.0"),
    ],
)
def test_nothing_is_answered_after_the_last_call(server, last):
    with server.connect() as sock:
        sock.sendall(HEALTH + last + HEALTH + b"no HTTP")
        assert everything(sock) == [(200, b"ok", None), (200, ANSWER, "close")]


def test_what_follows_the_chunks_changes_nothing(server):
    with server.connect() as sock:
        sock.sendall(
            f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
            f"connection: close\r\n\r\n{len(BODY):x}\r\n{BODY.decode()}\r\n0\r\n"
            "content-encoding: gzip\r\nx-request-id: late\r\n\r\n".encode()
        )
        assert everything(sock) == [(200, ANSWER, "close")]


@pytest.mark.parametrize("start", [b"0\r\nx: ", b"1;x="])
def test_what_surrounds_chunks_may_not_grow_for_ever(server, start):
    with server.connect() as sock:
        sock.sendall(b"POST /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|pipe"):
            sock.sendall(start + b"x" * 10_000_000)


def test_an_offer_of_another_protocol_is_passed_over(server):
    offer = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(offer)
        assert sock.recv(1_000).endswith(b"\r\n\r\nok")
        sock.sendall(request_bytes(PREDICT, BODY, "connection: close"))
        assert everything(sock)[-1] == (200, ANSWER, "close")


def test_many_calls_at_once_are_all_answered_in_order(server):
    count = 3_000  # more than one read's worth, and more than is taken ahead
    calls = b"".join(request_bytes(PREDICT, b'{"instances": [%d]}' % (2 * i)) for i in range(count))
    with server.connect() as sock, sock.makefile("rb") as stream:
        sock.sendall(calls + request_bytes(PREDICT, BODY, "connection: close"))
        for i in range(count):
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(stream)
            body = json.loads(stream.read(int(headers["content-length"])))
            assert body == {"predictions": [i + 2.0]}


def test_work_for_a_client_that_left_is_cancelled_whatever_it_had_queued():
    with running() as server:
        with server.connect() as sock:
            sock.sendall(request_bytes(SLOW) + HEALTH * 10)
            server.run(server.plane.began.wait())
        server.run(server.plane.cancelled.wait())
        assert server.predict("half_plus_two", BODY)[0] == 200


@pytest.mark.parametrize("calls", [1, 2])
def test_a_client_that_takes_no_answers_is_cut_off(calls):
    body = b'{"instances": ["' + b"x" * 8_000_000 + b'"]}'  # more than the system buffers
    with running(RestOptions(idle_sec=0.1)) as server, server.connect() as sock:
        sock.sendall(request_bytes("/v1/models/echo_string:predict", body) * calls)
        assert sock.recv(12) == b"HTTP/1.1 200"
        give_up = time.monotonic() + PATIENCE_SEC
        while server.server.connections:
            assert time.monotonic() < give_up, "The server keeps the connection."
            time.sleep(0.05)
        assert server.predict("half_plus_two", BODY)[0] == 200


def test_a_client_that_takes_answers_slowly_gets_them_whole():
    body = b'{"instances": ["' + b"x" * 8_000_000 + b'"]}'
    with running(RestOptions(idle_sec=0.2)) as server, server.connect() as sock:
        sock.sendall(request_bytes("/v1/models/echo_string:predict", body, "connection: close"))
        received = 0
        while chunk := sock.recv(1_000_000, socket.MSG_WAITALL):
            received += len(chunk)
            time.sleep(0.1)
    assert received > 8_000_000


def test_draining_answers_what_came_before_and_no_more():
    with running() as server, server.connect() as idle, server.connect() as sock:
        sock.sendall(request_bytes(SLOW) + request_bytes() + b"GET /healthz HTTP/1.1\r\n")
        server.run(server.plane.began.wait())
        draining = server.start(server.server.drain(PATIENCE_SEC))
        assert idle.recv(1) == b""
        sock.sendall(b"host: x\r\n\r\n")
        server.soon(server.plane.release.set)
        found = everything(sock)
        draining.result(PATIENCE_SEC)
    assert [answer[0] for answer in found] == [200, 200]
    assert found[-1][2] == "close"


def test_a_call_in_time_is_not_held_to_the_time_of_the_call_before():
    with running(RestOptions(timeout_ms=400)) as server, server.connect() as sock:
        for _ in range(6):  # together they take longer than one may
            sock.sendall(HEALTH[:10])
            time.sleep(0.1)
            sock.sendall(HEALTH[10:])
            assert sock.recv(1_000).endswith(b"\r\n\r\nok")

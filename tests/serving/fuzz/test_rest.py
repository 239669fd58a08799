"""Mutated JSON, paths, headers and methods, noise on the socket: never a fault of the server."""

import contextlib
import gzip
import re
import socket

import pytest
from fuzzing import dice, mutated
from hypothesis import given, settings
from hypothesis import strategies as st

fuzz = settings(settings.get_profile("fuzz"))

BODIES = [
    b'{"instances": [[1.5], [2]], "signature_name": "serving_default"}',
    b'{"inputs": {"a": [1, 2], "b": [NaN, -Infinity]}}',
    b'{"instances": [{"a": 1, "b": 2e3}, {"a": -0.5, "b": 0}]}',
    b'{"instances": [{"b64": "/w=="}, "\\u00e4\\ud83d\\ude00"]}',
    b'{"signature_name": "int64", "instances": [9223372036854775807, -1]}',
    b'{"context": {"x2": 1.0}, "examples": [{"x": 80.0}, {"x": [1.0], "n": {"b64": "YQ=="}}]}',
]
PIECES = [
    b"[", b"]", b"{", b"}", b'"', b",", b":", b"null", b"true", b"1e999", b"-", b"NaN", b"0.1",
    b'"b64"', b"\xff", b"\\u0000", b"\\ud800", b"99999999999999999999", b"[" * 200, b"instances",
]  # fmt: skip
CALLS = [
    f"/v1/models/{model}:{action}"
    for model in ("half", "flowers", "types", "text", "pair", "matrix/versions/1")
    for action in ("predict", "classify", "regress")
]
HEAD = b"POST /v1/models/half:predict HTTP/1.1\r\nhost: x\r\n"
VALID = HEAD + b"content-length: 18\r\nconnection: close\r\n\r\n" + b'{"instances": [2]}'
ANSWERS = {None, 200, 400, 404, 405, 408, 413, 415, 417, 426, 431, 501, 505}
UNFINISHED_SEC = 0.1  # a server that has not answered by then waits for more of the request
FAULT = re.compile(rb"HTTP/1\.1 5(?!01|03|04|05)")


@pytest.mark.parametrize("call", CALLS)
def test_mutated_bodies(server, call):
    @fuzz
    @given(st.sampled_from(BODIES), dice())
    def run(body, dice):
        answer = server.ask("POST", call, mutated(body, dice, PIECES))
        assert answer.status in {200, 400, 501}, answer.body
        assert answer.headers["content-type"] == "application/json"
        if answer.status != 200:
            assert answer.error

    run()


@fuzz
@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)).flatmap(
        lambda leaf: st.recursive(
            st.just(leaf),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(st.sampled_from(["x", "a", "b64", "text", ""]), inner, max_size=3),
            ),
            max_leaves=8,
        )
    ),
    st.sampled_from(["instances", "inputs", "examples", "context", "signature_name"]),
    st.sampled_from(CALLS),
)
def test_any_json(server, value, key, call):
    answer = server.ask("POST", call, {"instances": [1.0], key: value})
    assert answer.status in {200, 400, 501}, answer.body


def receive(sock, received):
    while chunk := sock.recv(1 << 16):
        received += chunk


def talk(server, *parts):
    """Sends bytes on a socket of their own; returns what comes back until the server closes."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=10) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(b"".join(parts))
            sock.settimeout(UNFINISHED_SEC)
            receive(sock, received)
        with contextlib.suppress(OSError):
            sock.settimeout(10)
            sock.shutdown(socket.SHUT_WR)
            receive(sock, received)
    return bytes(received).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def check(received):
    assert not FAULT.search(received), received
    if received:
        assert re.match(rb"HTTP/1\.1 \d{3} ", received), received
        assert int(received[9:12]) in ANSWERS, received


@fuzz
@given(
    st.sampled_from(["/", "/v1/models/", *CALLS]),
    st.text("/v1models%2F:?#.é\0 predictlabels{}\\", max_size=40),
    st.sampled_from(["GET", "POST"]),
)
def test_any_path(server, start, rest, method):
    head = f"{method} {start}{rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    received = talk(server, head.encode())
    check(received)
    assert received


@fuzz
@given(dice())
def test_mutated_requests(server, dice):
    check(talk(server, mutated(VALID, dice, [b"\r\n", b": ", b"chunked", b"HTTP/2.0", b"\0"])))


@fuzz
@given(st.binary(max_size=300))
def test_any_bytes(server, noise):
    check(talk(server, noise))


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: -1",
        b"content-length: 1e3",
        b"content-length: 99999999999999999999999",
        b"content-length: 5\r\ncontent-length: 6",
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked, gzip",
        b"transfer-encoding: nonsense",
        b"content-encoding: gzip\r\ncontent-length: 4",
        b"content-encoding: br\r\ncontent-length: 4",
        b"expect: 100-continue\r\ncontent-length: 4",
        b"expect: nonsense\r\ncontent-length: 4",
        b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 4",
        b"upgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 4",
        b"x-request-id: " + b"a" * 5000 + b"\r\ncontent-length: 4",
        b"x-request-id: \x01\xff\r\ncontent-length: 4",
        b"x: " + b"a" * 100_000,
        b"\r\n".join(b"h%d: v" % i for i in range(5000)),
        b": no name",
        b"no colon",
        b"host: a\r\nhost: b\r\ncontent-length: 4",
        b"origin: \xff\r\ncontent-length: 4",
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"{}{}", b"4\r\n{}{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n"]
)
def test_hostile_headers(server, head, body):
    check(talk(server, HEAD + head + b"\r\nconnection: close\r\n\r\n" + body))


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PRI", "FOO", "get", ""]
)
@pytest.mark.parametrize("path", ["/v1/models/half", "/v1/models/half:predict", "*", "http://x/y"])
def test_any_method(server, method, path):
    request = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    check(talk(server, request.encode()))


def test_a_small_gzip_of_a_large_body_is_refused_or_read(server):
    body = gzip.compress(b'{"instances": [' + b"1," * 5_000_000 + b"1]}")
    answer = server.ask("POST", "/v1/models/half:predict", body, {"content-encoding": "gzip"})
    assert answer.status in {200, 413, 429}


def test_json_nested_deeply_is_refused(server):
    for depth in (500, 10_000, 1_000_000):
        body = b'{"instances": ' + b"[" * depth + b"]" * depth + b"}"
        assert server.ask("POST", "/v1/models/half:predict", body).status == 400


def test_pipelined_requests_are_answered_in_order(server):
    keep = VALID.replace(b"connection: close\r\n", b"")
    received = talk(server, keep * 5 + VALID)
    assert received.count(b"HTTP/1.1 200 OK") == 6


def test_clients_that_leave_in_the_middle(server):
    for length in range(1, len(VALID), 7):
        with socket.create_connection(("127.0.0.1", server.rest_port)) as sock:
            sock.sendall(VALID[:length])

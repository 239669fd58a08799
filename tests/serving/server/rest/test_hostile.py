"""Whatever is sent, a defined answer comes: no fault of the server, no silence."""

import http.client
import logging
import random
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_servers import running

SEEDS = [
    b'{"instances": [{"x": [1.5, 2], "name": {"b64": "/w=="}}, {"x": [3, 4], "name": "a"}]}',
    b'{"signature_name": "serving_default", "inputs": {"x": [[1.0]], "name": ["\\u00e4"]}}',
    b'{"instances": [[[NaN, Infinity], [-1e3, 0.1]]]}',
    b'{"context": {"c": 1}, "examples": [{"x": 80.0, "n": ["a", {"b64": "YQ=="}], "b": [true]}]}',
]
PIECES = [b"[", b"]", b"{", b"}", b'"', b",", b":", b"null", b"1e999", b"NaN", b'"b64"', b"\xff"]
MODELS = ["half_plus_two", "pair", "echo_int8", "echo_uint64", "echo_bool", "echo_string"]
ACTIONS = ["predict", "classify", "regress"]
DEFINED = {200, 400, 404, 501}

requests = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _without_faults(caplog):
    with caplog.at_level(logging.ERROR):
        yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def mutated(seed: bytes, dice: random.Random) -> bytes:
    body = bytearray(seed)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body) + 1)
        cut = dice.choice([0, 1, 1, 2, 10])
        body[at : at + cut] = dice.choice([*PIECES, bytes([dice.randrange(256)]), b""])
    return bytes(body)


@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.data())
@requests
def test_mutated_bodies_get_defined_answers(server, seed, dice, data):
    model, action = data.draw(st.sampled_from(MODELS)), data.draw(st.sampled_from(ACTIONS))
    status, document, _ = server.ask("POST", f"/v1/models/{model}:{action}", mutated(seed, dice))
    assert status in DEFINED
    if status != 200:
        assert list(document) == ["error"]


@given(st.text("/v1modelsMx:%2Fé\0 predictlabels", max_size=40), st.sampled_from(["GET", "POST"]))
@requests
def test_any_path_gets_a_defined_answer(server, path, method):
    with server.connect() as sock:
        sock.sendall(
            f"{method} /v1/models/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
            "connection: close\r\n\r\n".encode()
        )
        assert status_of(sock) in {400, 404}


@given(st.binary(max_size=200))
@requests
def test_any_bytes_get_a_defined_answer(server, noise):
    with server.connect() as sock:
        sock.sendall(noise)
        sock.shutdown(socket.SHUT_WR)
        assert status_of(sock) in {None, 400, 404, 431}


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: -1",
        b"content-length: 99999999999999999999999",
        b"content-length: 5\r\ncontent-length: 6",
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"x\0y: z",
    ],
)
def test_broken_heads_are_refused(server, head):
    with server.connect() as sock:
        sock.sendall(
            b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n"
        )
        assert status_of(sock) in {400, 413}


def test_hostile_json_is_refused_and_the_server_lives():
    with running() as server:
        for body in (
            b"[" * 1_000_000,
            b'{"instances":' * 100_000,
            b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}",
            b'{"instances": [' + b"9" * 100_000 + b"]}",
            b'{"instances": [1' + b",1" * 100_000 + b',"x"]}',
            b'{"instances": ["' + b"x" * 1_000_000 + b'"' + b',"y"' * 50_000 + b"]}",
            b'{"signature_name": "' + b"s" * 100_000 + b'", "inputs": 1}',
        ):
            status, document = server.predict("half_plus_two", body)
            assert status == 400
            assert document["error"]
        assert server.predict("half_plus_two", {"inputs": 1}) == (200, {"outputs": 2.5})


def status_of(sock: socket.socket) -> int | None:
    """Returns the status of the first answer, None where the server hung up without one."""
    try:
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        answer.read()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None
    return answer.status

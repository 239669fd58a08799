"""Connections: how they are kept, cut, limited and closed."""

import concurrent.futures
import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time

import pytest
from rest_servers import PATIENCE_SEC, running

from serving.server.rest import RestOptions, RestServer, connection

PREDICT = "/v1/models/half_plus_two:predict"
SLOW = "/v1/models/slow:predict"
BODY = b'{"instances": [1.0]}'


def request_bytes(path=PREDICT, body=BODY, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answers(sock, count=1):
    """Reads answers from a socket: status and body of each."""
    stream = sock.makefile("rb")
    return [_answer(stream) for _ in range(count)]


def _answer(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name] = value
    return status, stream.read(int(headers["content-length"])), headers


def closed(sock) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_serves_many_calls(server):
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SEC)
    ) as client:
        for _ in range(5):
            client.request("POST", PREDICT, BODY)
            assert json.loads(client.getresponse().read()) == {"predictions": [2.5]}


def test_calls_in_one_go_are_answered_in_order(server):
    with server.connect() as sock:
        sock.sendall(
            request_bytes() + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + request_bytes(body=b"")
        )
        found = answers(sock, 3)
    assert [status for status, _, _ in found] == [200, 200, 400]
    assert found[1][1] == b"ok"


def test_chunks_are_put_together(server):
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    with server.connect() as sock:
        sock.sendall(head)
        for byte in BODY:
            sock.sendall(b"1\r\n%c\r\n" % byte)
        sock.sendall(b"0\r\n\r\n")
        assert answers(sock)[0][:2] == (200, b'{"predictions": [2.5]}')


def test_a_client_that_asks_for_leave_gets_it(server):
    with server.connect() as sock:
        sock.sendall(request_bytes(PREDICT, BODY, "expect: 100-continue")[: -len(BODY)])
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(BODY)
        assert answers(sock)[0][0] == 200


def test_the_date_is_told(server):
    date = server.ask("GET", "/healthz")[2]["date"]
    assert time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(chunked):
    with running(RestOptions(max_body_bytes=1_000)) as server:
        body = iter([b"x" * 300] * 5) if chunked else b"x" * 1_001
        status, document, _ = server.ask("POST", PREDICT, body)
        assert status == 413
        assert document["error"].startswith("A request body may have at most 1000 bytes")
        assert server.ask("POST", PREDICT, BODY.ljust(1_000))[0] == 200


def test_a_large_body_is_read_to_its_end_so_that_the_refusal_arrives():
    with running(RestOptions(max_body_bytes=1_000)) as server, server.connect() as sock:
        sock.sendall(request_bytes(body=b"x" * 5_000_000))
        assert answers(sock)[0][0] == 413
        sock.sendall(request_bytes())
        assert answers(sock)[0][0] == 200


def test_a_refused_client_that_asked_for_leave_is_cut_off():
    with running(RestOptions(max_body_bytes=10)) as server, server.connect() as sock:
        sock.sendall(request_bytes(PREDICT, BODY, "expect: 100-continue")[: -len(BODY)])
        status, _, headers = answers(sock)[0]
        assert (status, headers["connection"]) == (413, "close")
        assert closed(sock)


def test_a_body_that_nobody_reads_may_not_take_for_ever(monkeypatch):
    monkeypatch.setattr(connection, "LINGER_SEC", 0.1)
    with running() as server, server.connect() as sock:
        sock.sendall(request_bytes("/v1/foo", b"x" * 100)[:-50])
        assert answers(sock)[0][0] == 400
        assert closed(sock)


def test_a_head_may_not_take_for_ever(monkeypatch):
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_SEC", 0.1)
    with running() as server, server.connect() as silent, server.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nhost:")
        assert closed(silent)
        assert closed(slow)


def test_blank_lines_keep_no_connection_open(monkeypatch):
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_SEC", 0.1)
    with running() as server, server.connect() as sock:
        sock.sendall(request_bytes())
        assert answers(sock)[0][0] == 200
        sock.sendall(b"\r\n")
        assert closed(sock)


def test_what_follows_a_large_body_is_no_large_head(server):
    body = BODY.ljust(200_000)
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(request_bytes(body=body) + b"GET /healthz HTTP/1.1\r\nx: ")
            sock.sendall(b"x" * 60_000 + b"\r\n\r\n")
            assert [status for status, _, _ in answers(sock, 2)] == [200, 200]


def test_garbage_is_not_logged(server, caplog):
    with server.connect() as sock:
        sock.sendall(b"no HTTP\r\n\r\n")
        assert answers(sock)[0][:2] == (
            400,
            b'{"error": "Malformed request: Invalid HTTP request received."}',
        )
    assert not caplog.records


def test_an_idle_connection_is_closed():
    with running(RestOptions(idle_sec=0.1)) as server, server.connect() as sock:
        sock.sendall(request_bytes())
        assert answers(sock)[0][0] == 200
        assert closed(sock)


def test_a_head_may_not_grow_for_ever(server):
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(100):
                sock.sendall(b"x" * 10_000)
        with contextlib.suppress(ConnectionResetError):
            assert answers(sock)[0][0] == 431


def test_a_call_may_not_take_too_long():
    with running(RestOptions(timeout_ms=100)) as server:
        status, document = server.predict("slow", BODY)
        assert status == 504
        assert "longer than 100 ms" in document["error"]
        server.run(server.plane.cancelled.wait())


def test_a_body_may_not_take_too_long():
    with running(RestOptions(timeout_ms=100)) as server, server.connect() as sock:
        sock.sendall(request_bytes()[:-5])
        assert answers(sock)[0][0] == 504


def test_work_for_a_client_that_left_is_cancelled():
    with running() as server:
        with server.connect() as sock:
            sock.sendall(request_bytes(SLOW))
            server.run(server.plane.began.wait())
        server.run(server.plane.cancelled.wait())
        assert server.predict("half_plus_two", BODY)[0] == 200


def test_a_client_that_leaves_in_its_body_harms_nobody(server, caplog):
    with server.connect() as sock:
        sock.sendall(request_bytes()[:-5])
    assert server.predict("half_plus_two", BODY)[0] == 200
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("host", ["", "::"])
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_are_both_families(host):
    with running(host=host) as server:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, server.port), PATIENCE_SEC) as sock:
                sock.sendall(request_bytes())
                assert answers(sock)[0][0] == 200


def test_a_port_in_use_is_an_error(server):
    second = RestServer(plane=server.plane, options=RestOptions())
    with pytest.raises(OSError, match="use"):
        server.run(second.start("127.0.0.1", server.port))


def test_https(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {key} "
        f"-out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate, key)
    theirs = ssl.create_default_context(cafile=certificate)
    with (
        running(ssl_context=ours) as server,
        theirs.wrap_socket(server.connect(), server_hostname="localhost") as sock,
    ):
        sock.sendall(request_bytes())
        assert answers(sock)[0][:2] == (200, b'{"predictions": [2.5]}')
        texts = b'["' + b"x" * 3_000_000 + b'"]'
        sock.sendall(
            request_bytes("/v1/models/echo_string:predict", b'{"instances": ' + texts + b"}")
        )
        assert answers(sock)[0][:2] == (200, b'{"predictions": ' + texts + b"}")


def test_draining_waits_for_calls_in_flight():
    with running() as server, server.connect() as idle, server.connect() as busy:
        idle.sendall(request_bytes())
        assert answers(idle)[0][0] == 200
        busy.sendall(request_bytes(SLOW))
        server.run(server.plane.began.wait())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            draining = pool.submit(server.run, server.server.drain(PATIENCE_SEC))
            assert closed(idle)
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            server.soon(server.plane.release.set)
            status, body, headers = answers(busy)[0]
            draining.result(PATIENCE_SEC)
        assert (status, body, headers["connection"]) == (200, b'{"predictions": [2.5]}', "close")
        assert closed(busy)


def test_draining_ends_calls_that_take_too_long():
    with running() as server, server.connect() as sock:
        sock.sendall(request_bytes(SLOW))
        server.run(server.plane.began.wait())
        server.run(server.server.drain(0))
        status, body, _ = answers(sock)[0]
        assert status == 503
        assert "stopping" in json.loads(body)["error"]
        assert closed(sock)

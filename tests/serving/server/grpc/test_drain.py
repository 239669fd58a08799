import asyncio
import itertools
import socket

import grpc
import pytest
from grpc_servers import method, running

TIMEOUT = 30


def call_until_refused(echo):
    while True:  # it takes a moment until the client knows that the server goes
        echo(b"", timeout=TIMEOUT)


def test_calls_at_work_are_finished_and_new_ones_go_elsewhere(methods):
    with running(methods.server) as old, grpc.insecure_channel(old.address) as channel:
        at_work = method(channel, "Wait").future(b"at work", timeout=TIMEOUT)
        assert methods.started.wait(TIMEOUT)
        draining = asyncio.run_coroutine_threadsafe(old.server.drain(TIMEOUT), old.loop)
        with pytest.raises(grpc.RpcError) as caught:
            call_until_refused(method(channel, "Echo"))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert not at_work.done()
        methods.release.set()
        assert at_work.result(TIMEOUT) == b"at work"
        draining.result(TIMEOUT)
        assert old.server.connections == 0


def test_no_call_fails_when_another_server_takes_over(methods):
    """A client that calls all the time, while servers on one port replace each other."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with running(methods.server) as host, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            servers = [methods.server() for _ in range(4)]
            host.do(servers[0].start_tcp("127.0.0.1", port, reuse_port=True))
            echo = method(channel, "Echo")
            for old, new in itertools.pairwise(servers):
                assert echo(b"before", timeout=TIMEOUT, wait_for_ready=True) == b"before"
                host.do(new.start_tcp("127.0.0.1", port, reuse_port=True))
                draining = asyncio.run_coroutine_threadsafe(old.drain(TIMEOUT), host.loop)
                while not draining.done():
                    assert echo(b"during", timeout=TIMEOUT, wait_for_ready=True) == b"during"
                draining.result()
            host.do(servers[-1].drain(0))


def test_calls_that_outlast_the_grace_are_unavailable(methods):
    with running(methods.server) as server, grpc.insecure_channel(server.address) as channel:
        at_work = method(channel, "Sleep").future(b"", timeout=TIMEOUT)
        assert methods.started.wait(TIMEOUT)
        server.do(server.server.drain(0.1))
        with pytest.raises(grpc.RpcError) as caught:
            at_work.result(TIMEOUT)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert methods.cancelled.wait(TIMEOUT)


def test_a_client_reconnects_to_a_server_that_came_back(methods):
    with running(methods.server) as server, grpc.insecure_channel(server.address) as channel:
        echo = method(channel, "Echo")
        assert echo(b"1", timeout=TIMEOUT) == b"1"
        server.do(server.server.drain(1))
        again = methods.server()
        server.do(again.start_tcp("127.0.0.1", server.port))
        assert echo(b"2", timeout=TIMEOUT, wait_for_ready=True) == b"2"
        server.do(again.drain(0))


def test_a_successor_on_the_same_unix_socket_is_left_in_peace(tmp_path, methods):
    path = str(tmp_path / "grpc.sock")
    with running(methods.server, unix_path=path) as server:
        successor = methods.server()
        server.do(successor.start_unix(path))
        server.do(server.server.drain(1))
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert method(channel, "Echo")(b"x", timeout=TIMEOUT) == b"x"
        server.do(successor.drain(1))


def test_an_abstract_socket_is_served(methods):
    with (
        running(methods.server, unix_path="\0ringway-test-drain") as server,
        grpc.insecure_channel("unix-abstract:ringway-test-drain") as channel,
    ):
        assert method(channel, "Echo")(b"x", timeout=TIMEOUT) == b"x"
        server.do(server.server.drain(1))


def test_idle_connections_do_not_hold_up_a_drain(server, methods):
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        assert idle.recv(9)
        server.do(server.server.drain(0.1))
        idle.settimeout(TIMEOUT)
        while idle.recv(4096):
            pass

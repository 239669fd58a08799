import socket
import ssl

import grpc
import pytest
from certificates import Authority, server_context
from grpc_servers import UNLIMITED, method, running

TIMEOUT = 30


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request):
    return request.param


def test_calls_go_over_tls(tmp_path, authority, methods, loop):
    context = server_context(tmp_path, authority, authority.issue("localhost"), verify=False)
    trusted = grpc.ssl_channel_credentials(authority.certificate)
    with (
        running(methods.server, loop=loop, ssl_context=context) as server,
        grpc.secure_channel(server.address, trusted, options=UNLIMITED) as channel,
    ):
        message = b"x" * 5_000_000
        assert method(channel, "Echo")(message, timeout=TIMEOUT) == message


def test_a_server_may_ask_for_the_clients_certificate(tmp_path, authority, methods, loop):
    context = server_context(tmp_path, authority, authority.issue("localhost"), verify=True)
    client = authority.issue("client")
    known = grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate)
    unknown = grpc.ssl_channel_credentials(authority.certificate)
    with running(methods.server, loop=loop, ssl_context=context) as server:
        with grpc.secure_channel(server.address, known) as channel:
            assert method(channel, "Echo")(b"hi", timeout=TIMEOUT) == b"hi"
        with grpc.secure_channel(server.address, unknown) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                method(channel, "Echo")(b"hi", timeout=TIMEOUT)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_http2_is_negotiated(tmp_path, authority, methods):
    context = server_context(tmp_path, authority, authority.issue("localhost"), verify=False)
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    client.set_alpn_protocols(["http/1.1", "h2"])
    with (
        running(methods.server, ssl_context=context) as server,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        client.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"

"""Real clients of grpcio against the server."""

import asyncio
import concurrent.futures
import os
import threading

import grpc
import pytest
from grpc_servers import UNLIMITED, method, running

from serving.wire.errors import ServingError, StatusCode

TIMEOUT = 30


def failure(call, message=b"", **options) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=TIMEOUT, **options)
    return caught.value


def test_messages_come_back(channel):
    echo = method(channel, "Echo")
    for size in (0, 1, 300, 16_379, 16_380, 65_535, 1_000_000):
        message = os.urandom(size)
        assert echo(message, timeout=TIMEOUT) == message


def test_large_messages_flow_both_ways(channel):
    message = os.urandom(20_000_000)
    assert method(channel, "Echo")(message, timeout=TIMEOUT) == message


def test_many_calls_share_a_channel(channel, methods):
    echo = method(channel, "Echo")
    messages = [os.urandom(number * 97 % 5000) for number in range(2000)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert list(pool.map(lambda m: echo(m, timeout=TIMEOUT), messages)) == messages
    assert len({call.peer for call in methods.calls}) == 1
    assert methods.calls[0].peer.startswith("ipv4:127.0.0.1:")


def test_asynchronous_clients_are_served(server):
    async def calls():
        async with grpc.aio.insecure_channel(server.address, options=UNLIMITED) as channel:
            echo = method(channel, "Echo")
            messages = [b"%d" % number for number in range(500)]
            replies = await asyncio.gather(*(echo(m, timeout=TIMEOUT) for m in messages))
            both_ways = method(channel, "EchoAll", "stream_stream")(iter(messages))
            return messages, replies, [reply async for reply in both_ways]

    messages, replies, streamed = asyncio.run(calls())
    assert replies == messages
    assert streamed == messages


@pytest.mark.parametrize("code", [code for code in StatusCode if code])
def test_an_error_of_a_handler_arrives_with_code_and_message(channel, code):
    error = failure(method(channel, "Fail"), f"{code.name} Modèle 100% \n fort".encode())
    assert error.code().value[0] == code
    assert error.details() == "Modèle 100% \n fort"


def test_a_long_message_is_cut(channel):
    error = failure(method(channel, "Fail"), b"NOT_FOUND " + b"x" * 5000)
    assert error.details() == "x" * 1012 + "...TRUNCATED"


def test_an_unforeseen_error_leaks_nothing_and_is_logged(channel, caplog):
    error = failure(method(channel, "Crash"))
    assert error.code() == grpc.StatusCode.INTERNAL
    assert "42" not in error.details()
    assert "the secret is 42" in caplog.text


def test_an_unknown_method_is_unimplemented(channel):
    error = failure(method(channel, "Nothing"))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "/test.S/Nothing" in error.details()


def test_a_deadline_ends_the_call_and_its_handler(channel, methods):
    with pytest.raises(grpc.RpcError) as caught:
        method(channel, "Sleep")(b"", timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert methods.cancelled.wait(TIMEOUT)


def test_a_handler_knows_its_deadline(server, channel, methods):
    async def now():
        return server.loop.time()

    before = server.do(now())
    method(channel, "Echo")(b"", timeout=20)
    method(channel, "Echo")(b"")
    with_deadline, without = (call.deadline for call in methods.calls)
    assert before + 19 < with_deadline < server.do(now()) + 21
    assert without is None


def test_a_cancelled_call_cancels_its_handler(channel, methods):
    future = method(channel, "Sleep").future(b"", timeout=TIMEOUT)
    assert methods.started.wait(TIMEOUT)
    future.cancel()
    assert methods.cancelled.wait(TIMEOUT)
    assert method(channel, "Echo")(b"after", timeout=TIMEOUT) == b"after"


def test_a_lost_connection_cancels_its_handlers(server, methods):
    channel = grpc.insecure_channel(server.address)
    call = method(channel, "Sleep").future(b"", timeout=TIMEOUT)
    assert methods.started.wait(TIMEOUT)
    channel.close()
    assert methods.cancelled.wait(TIMEOUT)
    assert call.code() == grpc.StatusCode.CANCELLED


def test_metadata_go_both_ways(channel, methods):
    metadata = [
        ("x-text", "some text"),
        ("x-data-bin", b"\0\xff,\1"),
        ("x-two", "a"),
        ("x-two", "b"),
    ]
    _, call = method(channel, "Echo").with_call(b"", metadata=metadata, timeout=TIMEOUT)
    received = methods.calls[0].metadata
    assert received["x-text"] == "some text"
    assert received["x-data-bin"] == b"\0\xff,\1"
    assert received["x-two"] == "a,b"
    assert not [key for key in received if key.startswith((":", "grpc-")) or key == "te"]
    sent = dict(call.initial_metadata())
    assert sent["got-x-text"] == "some text"
    assert sent["got-x-data-bin"] == b"\0\xff,\1"


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_read(channel, compression):
    message = b"compress me " * 50_000
    echo = method(channel, "Echo")
    assert echo(message, compression=compression, timeout=TIMEOUT) == message
    echo_all = method(channel, "EchoAll", "stream_stream")
    assert list(echo_all(iter([message] * 3), compression=compression)) == [message] * 3


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
@pytest.mark.parametrize("kind", ["Echo", "EchoAll"])
def test_a_message_over_the_limit_is_refused(methods, compression, kind):
    with (
        running(lambda: methods.server(max_message_bytes=1000)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        if kind == "Echo":
            error = failure(method(channel, "Echo"), b"x" * 100_000, compression=compression)
        else:
            calls = method(channel, kind, "stream_stream")
            error = failure(
                lambda m, **o: list(calls(iter([m]), **o)), b"x" * 100_000, compression=compression
            )
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.details().startswith("Received message larger than max (")
        assert error.details().endswith(" vs. 1000)")
        assert method(channel, "Echo")(b"x" * 1000, timeout=TIMEOUT) == b"x" * 1000


def test_streams_go_one_way_or_both(channel):
    messages = [os.urandom(size) for size in (0, 10, 100_000, 3_000_000)]
    echo_all = method(channel, "EchoAll", "stream_stream")
    assert list(echo_all(iter(messages), timeout=TIMEOUT)) == messages
    assert list(echo_all(iter([]), timeout=TIMEOUT)) == []
    count = method(channel, "Count", "stream_unary")
    assert count(iter(messages), timeout=TIMEOUT) == b"3100010"


def test_a_stream_may_end_with_an_error_after_messages(channel):
    replies = method(channel, "Refuse", "stream_stream")(iter([b"a", b"b"]), timeout=TIMEOUT)
    assert next(replies) == b"a"
    with pytest.raises(grpc.RpcError) as caught:
        next(replies)
    assert caught.value.code() == grpc.StatusCode.ABORTED


def test_replies_arrive_while_the_request_goes_on(channel):
    more = threading.Semaphore(0)

    def messages():
        for number in range(3):
            yield b"%d" % number
            assert more.acquire(timeout=TIMEOUT)

    replies = method(channel, "EchoAll", "stream_stream")(messages(), timeout=TIMEOUT)
    for number in range(3):
        assert next(replies) == b"%d" % number
        more.release()


def test_a_handler_that_does_not_read_makes_the_caller_wait(channel, methods):
    sent = []

    def messages():
        for _ in range(200):
            sent.append(1)
            yield b"x" * 1_000_000

    replies = method(channel, "Stall", "stream_stream")(messages(), timeout=TIMEOUT)
    assert methods.started.wait(TIMEOUT)
    # Unary calls are not held up meanwhile, and let time pass for the stream to fill its window.
    echo = method(channel, "Echo")
    for _ in range(100):
        assert echo(b"x" * 10_000, timeout=TIMEOUT) == b"x" * 10_000
    assert len(sent) < 50
    methods.release.set()
    assert list(replies) == [b"1000000"] * 200


def test_authentication_sees_metadata_and_refuses(methods):
    def authenticate(metadata):
        if metadata.get("authorization") != "Bearer good":
            raise ServingError(StatusCode.UNAUTHENTICATED, "a token is needed")

    with (
        running(
            lambda: methods.server(
                authenticate=authenticate, open_methods=frozenset({"/test.S/Grow"})
            )
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        echo = method(channel, "Echo")
        error = failure(echo, b"x")
        assert (error.code(), error.details()) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "a token is needed",
        )
        good = [("authorization", "Bearer good")]
        assert echo(b"x", metadata=good, timeout=TIMEOUT) == b"x"
        assert failure(echo, metadata=[("authorization", "Bearer bad")]).code() == error.code()
        assert method(channel, "Grow")(b"3", timeout=TIMEOUT) == b"xxx"
    assert len(methods.calls) == 1


def test_keepalive_pings_are_answered(server):
    options = [
        ("grpc.keepalive_time_ms", 50),
        ("grpc.keepalive_timeout_ms", 1000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    with grpc.insecure_channel(server.address, options=options) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            method(channel, "Sleep")(b"", timeout=1)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_unix_socket_is_served(tmp_path, methods):
    path = tmp_path / "grpc.sock"
    with (
        running(methods.server, unix_path=str(path)),
        grpc.insecure_channel(f"unix:{path}") as channel,
    ):
        assert method(channel, "Echo")(b"hi", timeout=TIMEOUT) == b"hi"
        assert methods.calls[0].peer == "unix:"
    assert not path.exists()

"""A GrpcServer on a loop of its own in a thread, so that real clients can call it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import grpc
import uvloop

from serving.server.grpc import Call, GrpcServer
from serving.wire.errors import ServingError, StatusCode

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


class Running:
    """A server that runs.

    Attributes:
        server: The server; use it on its loop only.
        port: Its TCP port, 0 when it has none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, server: GrpcServer) -> None:
        self.loop = loop
        self.server = server
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def do(self, work: Coroutine[Any, Any, Any], timeout_sec: float = 30) -> Any:
        """Runs a coroutine on the server's loop and returns its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_sec)


@contextlib.contextmanager
def running(
    make: Callable[[], GrpcServer],
    *,
    loop: str = "uvloop",
    ssl_context: ssl.SSLContext | None = None,
    unix_path: str | None = None,
) -> Iterator[Running]:
    """Runs what `make` returns, on a TCP port or on a Unix socket."""
    event_loop = LOOPS[loop]()
    thread = threading.Thread(target=event_loop.run_forever)
    thread.start()
    try:
        server = Running(event_loop, make())
        if unix_path is None:
            server.port = server.do(
                server.server.start_tcp("127.0.0.1", 0, ssl_context=ssl_context)
            )
        else:
            server.do(server.server.start_unix(unix_path))
        try:
            yield server
        finally:
            server.do(server.server.drain(0))
    finally:
        event_loop.call_soon_threadsafe(event_loop.stop)
        thread.join(30)
        event_loop.close()


class Methods:
    """Handlers that show what a transport does.

    Attributes:
        cancelled: Set when a handler that sleeps is cancelled.
        calls: What the handlers were told of their calls.
    """

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.started = threading.Event()
        self.release = threading.Event()
        self.calls: list[Call] = []

    def server(self, **options: Any) -> GrpcServer:
        return GrpcServer(
            unary={
                "/test.S/Echo": self.echo,
                "/test.S/Fail": self.fail,
                "/test.S/Crash": self.crash,
                "/test.S/Sleep": self.sleep,
                "/test.S/Wait": self.wait,
                "/test.S/Grow": self.grow,
            },
            streams={
                "/test.S/EchoAll": self.echo_all,
                "/test.S/Count": self.count,
                "/test.S/Refuse": self.refuse,
                "/test.S/Stall": self.stall,
            },
            **options,
        )

    async def echo(self, message: bytes, call: Call) -> bytes:
        self.calls.append(call)
        for key in ("x-text", "x-data-bin"):
            if key in call.metadata:
                value = call.metadata[key]
                call.response_metadata.append((f"got-{key}", value))
        return message

    async def fail(self, message: bytes, call: Call) -> bytes:
        code, text = message.decode().split(" ", 1)
        raise ServingError(StatusCode[code], text)

    async def crash(self, message: bytes, call: Call) -> bytes:
        raise RuntimeError("the secret is 42")

    async def sleep(self, message: bytes, call: Call) -> bytes:
        self.started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return message

    async def wait(self, message: bytes, call: Call) -> bytes:
        self.started.set()
        while not self.release.is_set():
            await asyncio.sleep(0.01)
        return message

    async def grow(self, message: bytes, call: Call) -> bytes:
        return b"x" * int(message)

    async def echo_all(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    async def count(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        total = 0
        async for message in messages:
            total += len(message)
        yield b"%d" % total

    async def refuse(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message
            raise ServingError(StatusCode.ABORTED, "after one")

    async def stall(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        self.started.set()
        try:
            while not self.release.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        async for message in messages:
            yield b"%d" % len(message)


UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def method(channel: grpc.Channel, name: str, kind: str = "unary_unary") -> Any:
    """A multi-callable from bytes to bytes."""
    return getattr(channel, kind)(f"/test.S/{name}")

"""A gRPC server on asyncio: listening, and going away without losing a call.

    server = GrpcServer(unary={"/package.Service/Method": method})
    port = await server.start_tcp("0.0.0.0", 0)
    ...
    await server.drain(grace_sec=30)

It runs on asyncio's event loop and on uvloop's. Connections are left to
`serving.server.grpc.protocol`, calls to `serving.server.grpc.calls`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from serving.http2 import Limits
from serving.server.grpc.calls import Call, StreamHandler, UnaryHandler
from serving.server.grpc.protocol import (
    DEFAULT_PATIENCE,
    Authenticate,
    GrpcProtocol,
    Patience,
    Service,
)

__all__ = ["Call", "GrpcServer", "Patience", "StreamHandler", "UnaryHandler"]

_BACKLOG = 1024
# How long a client may take to see that a server goes away, before it is told the last call.
_DRAIN_ANSWER_SEC = 1.0
_POLL_SEC = 0.02
# A client that vanished without a word is found out within two minutes.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class GrpcServer:
    """Serves methods over any number of TCP ports and Unix sockets.

    Args:
        unary: Handlers of methods with one message each way, by `/package.Service/Method`.
        streams: Handlers of all other methods.
        max_message_bytes: Largest message of a request, before and after decompression.
        max_concurrent_streams: Calls that one connection may have open.
        authenticate: Called with the metadata of each call; raises `ServingError` to refuse it.
        open_methods: Methods that are answered without `authenticate`, as health checks.
        patience: How long clients may take over what they have begun.
    """

    def __init__(
        self,
        *,
        unary: Mapping[str, UnaryHandler],
        streams: Mapping[str, StreamHandler] | None = None,
        max_message_bytes: int = 2**31 - 1,
        max_concurrent_streams: int = 1000,
        authenticate: Authenticate | None = None,
        open_methods: frozenset[str] = frozenset(),
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._service = Service(
            unary=unary,
            streams=streams or {},
            max_message_bytes=max_message_bytes,
            authenticate=authenticate,
            open_methods=open_methods,
            limits=Limits(max_concurrent_streams=max_concurrent_streams),
            patience=patience,
        )
        self._channels: set[GrpcProtocol] = set()
        self._servers: list[asyncio.Server] = []
        self._paths: list[tuple[Path, int]] = []
        self._check: asyncio.TimerHandle | None = None

    async def start_tcp(
        self,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        reuse_port: bool = False,
    ) -> int:
        """Listens on a TCP port.

        Args:
            host: Address, or a name; `0.0.0.0` is every IPv4 address.
            port: Port; 0 for any that is free.
            ssl_context: The server's side of TLS; it is made to offer HTTP/2 (ALPN `h2`).
            reuse_port: Whether other processes may listen on the same port.

        Returns:
            The port.

        Raises:
            OSError: The address cannot be listened on.
        """
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["h2"])
        server = await asyncio.get_running_loop().create_server(
            self._new_protocol,
            host,
            port,
            ssl=ssl_context,
            backlog=_BACKLOG,
            reuse_port=reuse_port or None,
        )
        for listening in server.sockets:
            _keep_alive(listening)
        self._started(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def start_unix(self, path: str) -> None:
        """Listens on a Unix socket, in the place of one that a dead server left.

        Raises:
            OSError: The path cannot be listened on.
        """
        server = await asyncio.get_running_loop().create_unix_server(
            self._new_protocol, path, backlog=_BACKLOG
        )
        if not path.startswith("\0"):  # Linux's abstract sockets have no file
            self._paths.append((Path(path), Path(path).stat().st_ino))
        self._started(server)

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._channels)

    async def drain(self, grace_sec: float) -> None:
        """Stops: no new connections, then no new calls, then waits for those at work.

        Args:
            grace_sec: How long calls may take; those that take longer end as UNAVAILABLE.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_sec
        for server in self._servers:
            server.close()
        for path, inode in self._paths:
            _remove(path, inode)
        for channel in list(self._channels):
            channel.announce_drain()
        # Clients answer as soon as they have seen it, and are told the last call then.
        await self._wait_closed(min(end, loop.time() + _DRAIN_ANSWER_SEC))
        for channel in list(self._channels):
            channel.finish_drain()
        await self._wait_closed(end)
        for channel in list(self._channels):
            channel.abort_calls()
        await self._wait_closed(loop.time() + _DRAIN_ANSWER_SEC)
        if self._check is not None:
            self._check.cancel()

    def _new_protocol(self) -> GrpcProtocol:
        return GrpcProtocol(self._service, self._channels, asyncio.get_running_loop())

    def _started(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._check is None:
            self._check_progress()

    def _check_progress(self) -> None:
        loop = asyncio.get_running_loop()
        for channel in list(self._channels):
            channel.check_progress(loop.time())
        interval = self._service.patience.check_interval_sec
        self._check = loop.call_later(interval, self._check_progress)

    async def _wait_closed(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while self._channels and loop.time() < until:
            await asyncio.sleep(_POLL_SEC)


def _remove(path: Path, inode: int) -> None:
    """Removes a socket's file, unless a successor has put its own there."""
    if path.exists() and path.stat().st_ino == inode:
        path.unlink()


def _keep_alive(listening: socket.socket) -> None:
    """Turns on keepalive probes, which accepted connections inherit on Linux."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

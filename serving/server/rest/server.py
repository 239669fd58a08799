"""Listens for HTTP, inside the server's own event loop, and drains what it listened to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from email.utils import formatdate
from typing import Any

from serving.server.rest.app import RestApp, RestOptions
from serving.server.rest.connection import Connection, Service

BACKLOG = 2048
ANY_ADDRESS = frozenset({"", "::"})

# How long calls that were cancelled get to say so to their clients.
_LAST_WORDS_SEC = 1.0


class RestServer:
    """A REST server; takes the arguments of `RestApp`.

    Args:
        options: Limits and manners.
        app_arguments: The rest of what `RestApp` takes.
    """

    def __init__(self, *, options: RestOptions, **app_arguments: Any) -> None:
        self._service = Service(
            answer=RestApp(options=options, **app_arguments).answer,
            timeout_sec=options.timeout_ms / 1000,
            max_body_bytes=options.max_body_bytes,
            idle_sec=options.idle_sec,
        )
        self._listener: asyncio.Server | None = None
        self._clock_timer: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Opens the port.

        Args:
            host: An address or a name; "" or "::" for all addresses, IPv4 as well as IPv6.
            port: 0 for any that is free.
            ssl_context: For HTTPS.

        Returns:
            The port.

        Raises:
            OSError: The port cannot be had.
            RuntimeError: The server was started before.
        """
        if self._listener is not None:
            raise RuntimeError("A RestServer listens once; make another for another port.")
        loop = asyncio.get_running_loop()
        sock = _listening(host, port)
        self._set_date(loop)
        self._listener = await loop.create_server(
            lambda: Connection(self._service, loop), sock=sock, ssl=ssl_context, backlog=BACKLOG
        )
        return sock.getsockname()[1]

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._service.connections)

    async def drain(self, grace_sec: float) -> None:
        """Takes no more calls, answers those in flight, and closes every connection.

        Args:
            grace_sec: How long calls in flight may take; then they are cancelled, and answered
                with UNAVAILABLE.
        """
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._service.connections):
            connection.shutdown()
        await self._finish(grace_sec)
        for task in self._tasks():
            task.cancel()
        await self._finish(_LAST_WORDS_SEC)
        for connection in list(self._service.connections):
            connection.close()
        if self._clock_timer is not None:
            self._clock_timer.cancel()

    async def _finish(self, timeout_sec: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_sec):
                while tasks := self._tasks():  # one that ends may begin the next
                    await asyncio.wait(tasks)

    def _tasks(self) -> set[asyncio.Task[None]]:
        tasks = (connection.task for connection in self._service.connections)
        return {task for task in tasks if task is not None and not task.done()}

    def _set_date(self, loop: asyncio.AbstractEventLoop) -> None:
        """Writes the Date header once a second rather than for each answer."""
        self._service.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self._clock_timer = loop.call_later(1.0, self._set_date, loop)


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket bound to an address; for all addresses one that serves IPv4 and IPv6."""
    if host in ANY_ADDRESS:
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        return socket.create_server(("", port), backlog=BACKLOG)
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)

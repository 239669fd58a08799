"""Listens for HTTP, inside the server's own event loop.

Of uvicorn only the connections are used: its server would take signals and end the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from serving.server.rest.app import RestApp, RestOptions
from serving.server.rest.connection import Connection

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
        self._app = RestApp(options=options, **app_arguments)
        self._options = options
        self._state = ServerState()
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
        config = self._config()
        sock = _listening(host, port)

        def connection() -> Connection:
            return Connection(config, self._state, {}, loop)

        self._set_date(loop)
        self._listener = await loop.create_server(
            connection, sock=sock, ssl=ssl_context, backlog=BACKLOG
        )
        return sock.getsockname()[1]

    async def drain(self, grace_sec: float) -> None:
        """Takes no more calls, answers those in flight, and closes every connection.

        Args:
            grace_sec: How long calls in flight may take; then they are cancelled, and answered
                with UNAVAILABLE.
        """
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._finish(grace_sec)
        for task in self._state.tasks:
            task.cancel()
        await self._finish(_LAST_WORDS_SEC)
        for connection in list(self._state.connections):
            connection.transport.close()
        if self._clock_timer is not None:
            self._clock_timer.cancel()

    async def _finish(self, timeout_sec: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_sec):
                while self._state.tasks:  # one that ends may begin the next on its connection
                    await asyncio.wait(set(self._state.tasks))

    def _config(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=self._options.idle_sec,  # type: ignore[arg-type]
            proxy_headers=False,
        )
        config.load()
        return config

    def _set_date(self, loop: asyncio.AbstractEventLoop) -> None:
        """Writes the Date header once a second rather than for each answer."""
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
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

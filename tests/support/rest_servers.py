"""Runs a REST server on a real socket, in a thread with an event loop of its own."""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvloop
from rest_plane import SmallPlane

from serving.server.rest import RestOptions, RestServer

PATIENCE_SEC = 20


class RunningServer:
    """A server that listens on a port of loopback."""

    def __init__(
        self,
        options: RestOptions,
        host: str,
        ssl_context: ssl.SSLContext | None,
        arguments: dict[str, Any],
    ) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.plane = self.run(_made(SmallPlane))
        self.server = RestServer(plane=self.plane, options=options, **arguments)
        self.port: int = self.run(self.server.start(host, 0, ssl_context))

    def run(self, work: Awaitable[Any]) -> Any:
        """Runs something in the server's loop."""
        return self.start(work).result(PATIENCE_SEC)

    def start(self, work: Awaitable[Any]) -> concurrent.futures.Future[Any]:
        """Begins something in the server's loop."""
        return asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)

    def soon(self, work: Callable[[], Any]) -> None:
        """Calls something in the server's loop."""
        self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        self.run(self.server.drain(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SEC)
        self._loop.close()

    def connect(self) -> socket.socket:
        """Returns a connected socket."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SEC)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Returns status, body (parsed where it is JSON) and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SEC)
        with contextlib.closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read()
            if text and answer.headers["content-type"] == "application/json":
                text = json.loads(text)
            return answer.status, text, answer.headers

    def predict(self, model: str, document: Any) -> tuple[int, Any]:
        """Posts a document, which is made JSON unless it is bytes, to a model."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("POST", f"/v1/models/{model}:predict", body)[:2]


@contextlib.contextmanager
def running(
    options: RestOptions | None = None,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    **arguments: Any,
) -> Iterator[RunningServer]:
    """Runs a server for as long as the block lasts."""
    server = RunningServer(options or RestOptions(), host, ssl_context, arguments)
    try:
        yield server
    finally:
        server.close()


async def _made(kind: type) -> Any:
    return kind()


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work

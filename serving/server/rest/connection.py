"""One HTTP connection: uvicorn's, with limits on what a client may send before it is a request.

uvicorn bounds bodies, not heads: without limits a head may grow for ever, or never come. And where
a call is answered before its body was read, the rest is read and thrown away for a while: closing
at once would often destroy the answer on its way.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.wire.rest import error_response

MAX_HEAD_BYTES = 2**16
HEAD_TIMEOUT_SEC = 60.0
LINGER_SEC = 5.0

# uvicorn warns of each client that speaks no HTTP; a flood of those must not become one of logs.
_LOGGER = logging.getLogger(__name__)
_LOGGER.setLevel(logging.ERROR)

_HEAD = b"HTTP/1.1 "
_BAD_REQUEST = 400
_HEAD_TOO_LARGE = 431


class _OneWrite:
    """A transport that sends the head of an answer with its body: one system call, not two.

    Args:
        transport: What sends.
        loop: Sends a head alone where nothing follows in the same step.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """A connection that speaks HTTP/1.1."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _LOGGER
        self._in_head = True
        self._head_bytes = 0
        self._progressed = False
        self._closing_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for a request, but not for ever."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]
        self._close_after(HEAD_TIMEOUT_SEC)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stay_open()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what came; a head that grows too large, or never ends, is refused."""
        self._progressed = False
        super().data_received(data)
        if self._progressed or not self._in_head:
            self._head_bytes = 0
        else:
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(
                _HEAD_TOO_LARGE, f"The head of a request may have {MAX_HEAD_BYTES} bytes at most."
            )
        if self._in_head and self._closing_timer is None and self._is_idle():
            self._close_after(HEAD_TIMEOUT_SEC)  # uvicorn's own timer ended with the first byte

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self._close_after(HEAD_TIMEOUT_SEC)

    def on_headers_complete(self) -> None:
        """Hands the request to the app."""
        self._in_head = False
        self._progressed = True
        self._stay_open()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Notes that all of the body came."""
        super().on_message_complete()
        self._in_head = True
        self._progressed = True
        self._stay_open()

    def on_response_complete(self) -> None:
        """Waits for the next request, or for the end of a body that nobody reads."""
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self._close_after(LINGER_SEC)

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP."""
        self._refuse(_BAD_REQUEST, f"Malformed request: {msg}")

    def _unsupported_upgrade_warning(self) -> None:
        """Stays silent: a client that offers HTTP/2 is answered in HTTP/1.1, which is no fault."""

    def _refuse(self, status: int, message: str) -> None:
        body = error_response(message)
        head = (
            b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        ) % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_after(self, seconds: float) -> None:
        self._stay_open()
        self._closing_timer = self.loop.call_later(seconds, self.transport.close)

    def _stay_open(self) -> None:
        if self._closing_timer is not None:
            self._closing_timer.cancel()
            self._closing_timer = None

"""From bytes to exchanges: what a client sends, parsed by httptools and held to limits.

A head may not grow for ever, nor may what surrounds chunks of a body. Whose turn it is and how long
clients may take is for `serving.server.rest.connection`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import httptools

from serving.server.rest.bodies import Body
from serving.server.rest.exchange import Exchange

MAX_HEAD_BYTES = 2**16

_BAD_REQUEST = 400
_HEAD_TOO_LARGE = 431
_SHORT = 256


class RefusedError(Exception):
    """What came is no request, or one that is not taken; nothing more can be read.

    Args:
        status: HTTP's.
        message: For the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestReader:
    """Reads the requests of one connection.

    Args:
        accept: Takes each exchange as soon as its head is there, its body perhaps still to come.
        max_body_bytes: Of a request.
        on_wanted: Called when somebody waits for a body.

    Attributes:
        in_head: Whether a head has begun and not ended.
        receiving: The exchange whose body is still to come, None where there is none.
        progressed: Whether the last bytes ended a head or a body, or were of a body.
        is_ended: Whether no further request is taken: the last one said so, or the server.
    """

    def __init__(
        self,
        accept: Callable[[Exchange], None],
        max_body_bytes: int,
        on_wanted: Callable[[], None],
    ) -> None:
        self.in_head = False
        self.receiving: Exchange | None = None
        self.progressed = False
        self.is_ended = False
        self._accept = accept
        self._max_body_bytes = max_body_bytes
        self._on_wanted = on_wanted
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._without_progress = 0  # bytes

    def feed(self, data: bytes) -> None:
        """Reads what came.

        Raises:
            RefusedError: It is no HTTP, or too much of a head.
        """
        self.progressed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # a client that offers HTTP/2 is answered in HTTP/1.1
        except httptools.HttpParserError:
            raise RefusedError(
                _BAD_REQUEST, "Malformed request: Invalid HTTP request received."
            ) from None
        self._without_progress = 0 if self.progressed else self._without_progress + len(data)
        if self._without_progress > MAX_HEAD_BYTES:
            raise RefusedError(
                _HEAD_TOO_LARGE, f"The head of a request may have {MAX_HEAD_BYTES} bytes at most."
            )

    def end(self) -> None:
        """Reads no more, and forgets what it was reading."""
        self.is_ended = True
        self.receiving = None
        self._parser = None  # type: ignore[assignment]  # it holds the reader

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begins a head."""
        self._url, self._headers, self.in_head = b"", {}, True

    def on_url(self, url: bytes) -> None:
        """Takes a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header; those that follow a body mean nothing here."""
        if self.in_head:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Begins an exchange."""
        self.in_head = False
        self.progressed = True
        if self.is_ended:
            return
        parser = self._parser
        body = Body(self._max_body_bytes, self._on_wanted)
        method = parser.get_method().decode("ascii")
        exchange = Exchange(method, _path(self._url), self._headers, body)
        if not parser.should_keep_alive() or parser.get_http_version() == "1.0":
            self.is_ended = True
        self.receiving = exchange
        self._accept(exchange)

    def on_body(self, body: bytes) -> None:
        """Takes a piece of a body."""
        self.progressed = True
        if self.receiving is not None:
            self.receiving.body.add(body)

    def on_message_complete(self) -> None:
        """Takes the end of a request."""
        self.progressed = True
        if self.receiving is not None:
            self.receiving.body.end()
            self.receiving = None


def _path(url: bytes) -> str:
    """Returns the path of a URL, percent-encoded as it is; raises for what is no URL."""
    # Callers repeat themselves; a URL that is not short is not worth the memory.
    return _known_path(url) if len(url) <= _SHORT else _parsed_path(url)


def _parsed_path(url: bytes) -> str:
    path: bytes = httptools.parse_url(url).path
    return path.decode("ascii")


_known_path = functools.lru_cache(maxsize=1024)(_parsed_path)

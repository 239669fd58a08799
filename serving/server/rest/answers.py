"""Answers: status, body and headers, errors among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from serving.server.rest.bodies import BodyTooLargeError
from serving.wire.errors import ServingError, StatusCode
from serving.wire.request_id import HEADER
from serving.wire.rest import error_response

Header = tuple[bytes, bytes]
Send = Callable[[Any], Awaitable[None]]

JSON: Header = (b"content-type", b"application/json")
TEXT: Header = (b"content-type", b"text/plain")
HTML: Header = (b"content-type", b"text/html")
CLOSE: Header = (b"connection", b"close")

CORS: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
)

_BODY_TOO_LARGE = 413
_OK = 200
_NOT_FOUND = 404
_ASK_FOR_TOKEN: Header = (b"www-authenticate", b"Bearer")
_REQUEST_ID = HEADER.encode()


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        body: All of it.
        status: HTTP's.
        headers: The content type, and what else is needed.
    """

    body: bytes
    status: int = _OK
    headers: tuple[Header, ...] = (JSON,)


# What TensorFlow Serving's web server says of paths that are none of its own.
NOT_FOUND = Answer(
    b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n"
    b"</BODY></HTML>\n",
    _NOT_FOUND,
    (HTML,),
)


def of_error(error: ServingError) -> Answer:
    """Returns the answer that tells of an error, the whole message in it."""
    too_large = isinstance(error, BodyTooLargeError)
    status = _BODY_TOO_LARGE if too_large else error.code.http_status
    headers: tuple[Header, ...] = (JSON,)
    if error.code is StatusCode.UNAUTHENTICATED:
        headers = (JSON, _ASK_FOR_TOKEN)
    return Answer(error_response(error.message), status, headers)


def with_headers(answer: Answer, *headers: Header) -> Answer:
    """Returns the same answer with more headers."""
    return dataclasses.replace(answer, headers=(*answer.headers, *headers))


async def deliver(send: Send, answer: Answer, request_id: str) -> None:
    """Sends an answer.

    Args:
        send: ASGI's.
        answer: What to send.
        request_id: Comes back as a header.
    """
    headers = [
        *answer.headers,
        (b"content-length", b"%d" % len(answer.body)),
        (_REQUEST_ID, request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})

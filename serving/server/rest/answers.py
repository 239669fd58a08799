"""Answers: status, body and headers, errors among them."""

from __future__ import annotations

import dataclasses
import functools
import http

from serving.server.rest.bodies import BodyTooLargeError
from serving.wire.errors import ServingError, StatusCode
from serving.wire.request_id import HEADER
from serving.wire.rest import error_response

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
TEXT: Header = (b"content-type", b"text/plain")
HTML: Header = (b"content-type", b"text/html")

CORS: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
)

_BODY_TOO_LARGE = 413
_OK = 200
_NOT_FOUND = 404
_ASK_FOR_TOKEN: Header = (b"www-authenticate", b"Bearer")


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


def head(answer: Answer, request_id: str, date: bytes, *, close: bool) -> bytes:
    """Returns what goes before the body of an answer on the wire.

    Args:
        answer: Its body is only measured.
        request_id: Comes back as a header; "" for none.
        date: The Date header, its line whole.
        close: Whether the connection ends with this answer.
    """
    return b"%b%b%bcontent-length: %d\r\n%b%b\r\n" % (
        _status_line(answer.status),
        date,
        _lines(answer.headers),
        len(answer.body),
        b"%b: %b\r\n" % (_REQUEST_ID, request_id.encode()) if request_id else b"",
        _CLOSE if close else b"",
    )


_CLOSE = b"connection: close\r\n"
_REQUEST_ID = HEADER.encode()


@functools.cache  # there are some dozen
def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:  # 499 is nginx's own, and TensorFlow Serving's
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@functools.cache  # all are constants of this package
def _lines(headers: tuple[Header, ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)

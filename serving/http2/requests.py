"""The rules for the header fields of a request, whatever the application.

What the fields mean to gRPC is left to `serving.server.grpc`.
Source: RFC 9113, sections 8.2 and 8.3.
"""

from __future__ import annotations

import re

from serving.http2.blocks import Fields

_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))
_REQUIRED = (b":method", b":scheme", b":path")
_CONNECTION_SPECIFIC = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
# Tokens without capitals; a pseudo header has its colon in front.
_NAME = re.compile(rb":?[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE = re.compile(rb"[\x00\r\n]")


class MalformedRequestError(Exception):
    """A request whose fields break HTTP/2's rules; it ends its stream with PROTOCOL_ERROR."""


def content_length(fields: Fields) -> int | None:
    """Checks the fields of a request and returns its announced length, if any.

    Raises:
        MalformedRequestError: A rule is broken.
    """
    _check_pseudo(fields)
    length = None
    for name, value in fields:
        _check_field(name, value)
        if name == b"content-length":
            length = _same_length(length, value)
    return length


def check_trailers(fields: Fields) -> None:
    """Checks the fields after a request's body.

    Raises:
        MalformedRequestError: A rule is broken.
    """
    for name, value in fields:
        if name.startswith(b":"):
            raise MalformedRequestError(f"pseudo header {name!r} in trailers")
        _check_field(name, value)


def _check_pseudo(fields: Fields) -> None:
    seen: dict[bytes, bytes] = {}
    for position, (name, value) in enumerate(fields):
        if not name.startswith(b":"):
            continue
        if name not in _PSEUDO or name in seen or position != len(seen):
            raise MalformedRequestError(f"pseudo header {name!r} unknown, repeated or out of place")
        seen[name] = value
    missing = [name.decode() for name in _REQUIRED if not seen.get(name)]
    if missing:
        raise MalformedRequestError(f"missing or empty: {', '.join(missing)}")


def _check_field(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise MalformedRequestError(f"{name!r} is no field name in lower case")
    if _BAD_VALUE.search(value):
        raise MalformedRequestError(f"the value of {name!r} has characters that it must not have")
    if name in _CONNECTION_SPECIFIC:
        raise MalformedRequestError(f"{name!r} has no place in HTTP/2")
    if name == b"te" and value != b"trailers":
        raise MalformedRequestError(f"te is {value!r}; expected b'trailers'")


def _same_length(known: int | None, value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise MalformedRequestError(f"content-length is {value!r}; expected a number")
    length = int(value)
    if known is not None and known != length:
        raise MalformedRequestError(f"content-length is {known} and {length}")
    return length

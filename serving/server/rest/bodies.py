"""Bodies of requests: read whole, unpacked, and never larger than allowed.

The limit holds for what was sent and for what it unpacks to, so that a small body cannot become a
large one in memory.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serving.wire.errors import ServingError, StatusCode, invalid

Receive = Callable[[], Awaitable[Any]]

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header


class BodyTooLargeError(ServingError):
    """A body over the limit, for which HTTP has a status of its own."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            StatusCode.RESOURCE_EXHAUSTED,
            f"A request body may have at most {limit} bytes; send fewer rows at a time.",
        )


class DisconnectedError(Exception):
    """The client went away, so nobody reads an answer."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Returns the body of a request, unpacked where it came as gzip.

    Args:
        receive: ASGI's.
        headers: Those of the request, names in small letters.
        limit: The most bytes, sent or unpacked.

    Raises:
        BodyTooLargeError: It has more.
        DisconnectedError: The client went away before the end.
        ServingError: It is no gzip though it says so; INVALID_ARGUMENT.
    """
    if int(headers.get(b"content-length", 0)) > limit:  # httptools let only digits through
        raise BodyTooLargeError(limit)
    body = await _whole(receive, limit)
    if b"gzip" in headers.get(b"content-encoding", b"").lower():
        return await asyncio.to_thread(gunzip, body, limit)
    return body


def gunzip(body: bytes, limit: int) -> bytes:
    """Returns what a gzip file unpacks to, all its members.

    Raises:
        BodyTooLargeError: It is more than `limit` bytes.
        ServingError: It is no gzip, or not all of it; INVALID_ARGUMENT.
    """
    pieces, left = [], limit
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            piece = member.decompress(body, left + 1)
        except zlib.error as error:
            raise _not_gzip(str(error)) from None
        left -= len(piece)
        if left < 0:
            raise BodyTooLargeError(limit)
        if not member.eof:
            raise _not_gzip("it ends too early")
        pieces.append(piece)
        body = member.unused_data
    return b"".join(pieces)


async def _whole(receive: Receive, limit: int) -> bytes:
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        pieces.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise BodyTooLargeError(limit)
        more = message["more_body"]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _not_gzip(reason: str) -> ServingError:
    return invalid(
        "The request body cannot be unpacked as gzip, which its Content-Encoding announces: "
        f"{reason}."
    )

"""Bodies of requests: read whole, unpacked, and never larger than allowed.

The limit holds for what was sent and for what it unpacks to, so that a small body cannot become a
large one in memory.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping

from serving.wire.errors import ServingError, StatusCode, invalid

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header


class BodyTooLargeError(ServingError):
    """A body over the limit, for which HTTP has a status of its own."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            StatusCode.RESOURCE_EXHAUSTED,
            f"A request body may have at most {limit} bytes; send fewer rows at a time.",
        )


class Body:
    """What a client sends after a head, piece by piece, and never more than allowed.

    Args:
        limit: The most bytes; what comes beyond is dropped.
        on_wanted: Called when somebody is about to wait for the rest.

    Attributes:
        size: Bytes that came.
        complete: Whether all of it came.
        wanted: Whether somebody asked for it.
    """

    __slots__ = ("_on_wanted", "_pieces", "_waiter", "complete", "limit", "size", "wanted")

    def __init__(self, limit: int, on_wanted: Callable[[], None]) -> None:
        self.limit = limit
        self.size = 0
        self.complete = False
        self.wanted = False
        self._on_wanted = on_wanted
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def add(self, piece: bytes) -> None:
        """Takes what came."""
        self.size += len(piece)
        if self.size <= self.limit:
            self._pieces.append(piece)
        else:
            self._pieces.clear()
            self._wake()

    def end(self) -> None:
        """Takes note that this was all."""
        self.complete = True
        self._wake()

    def drop(self) -> None:
        """Forgets what came; what is still to come is dropped too."""
        self._pieces.clear()
        self.limit = -1
        self.wanted = True

    async def whole(self) -> bytes:
        """Returns all of it.

        Raises:
            BodyTooLargeError: It is more than the limit.
        """
        self.wanted = True
        self._on_wanted()
        while not self.complete and self.size <= self.limit:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.size > self.limit:
            raise BodyTooLargeError(self.limit)
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def read_body(body: Body, headers: Mapping[bytes, bytes]) -> bytes:
    """Returns the body of a request, unpacked where it came as gzip.

    Args:
        body: As it comes; its limit holds for what it unpacks to as well.
        headers: Those of the request, names in small letters.

    Raises:
        BodyTooLargeError: It has more.
        ServingError: It is no gzip though it says so; INVALID_ARGUMENT.
    """
    limit = body.limit
    if int(headers.get(b"content-length", 0)) > limit:  # httptools let only digits through
        raise BodyTooLargeError(limit)
    sent = await body.whole()
    if b"gzip" in headers.get(b"content-encoding", b"").lower():
        return await asyncio.to_thread(gunzip, sent, limit)
    return sent


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


def _not_gzip(reason: str) -> ServingError:
    return invalid(
        "The request body cannot be unpacked as gzip, which its Content-Encoding announces: "
        f"{reason}."
    )

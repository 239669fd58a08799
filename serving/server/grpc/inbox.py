"""The messages of a streaming request, in the order in which they came.

A handler that reads slowly makes the caller wait: bytes are reported as consumed when their message
is taken, or when more of them are needed to complete the message that the handler waits for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from serving.server.grpc.framing import PREFIX_BYTES, MessageReader, decompressed
from serving.wire.errors import ServingError, StatusCode


class Inbox:
    """An asynchronous iterator over the messages of one call.

    Args:
        encoding: How compressed messages are compressed.
        max_bytes: Largest message, before and after decompression.
        consume: Told how many bytes of the body have been used.
    """

    def __init__(self, encoding: str, max_bytes: int, consume: Callable[[int], None]) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._consume = consume
        self._reader = MessageReader(max_bytes)
        self._messages: deque[tuple[bool, bytes]] = deque()
        self._held = 0
        self._ended = False
        self._arrival: asyncio.Future[None] | None = None

    def put(self, data: bytes, *, ended: bool) -> None:
        """Adds a part of the body.

        Raises:
            ServingError: The body is not made of messages, or one is too large.
        """
        self._held += len(data)
        self._messages.extend(self._reader.feed(data))
        self._ended = ended
        if ended and self._reader.in_message:
            raise ServingError(StatusCode.INTERNAL, "The request ends within a message")
        if not self._messages:
            self._release(self._held)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> bytes:
        while not self._messages:
            if self._ended:
                raise StopAsyncIteration
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        compressed, message = self._messages.popleft()
        self._release(
            min(self._held, len(message) + PREFIX_BYTES) if self._messages else self._held
        )
        if compressed:
            return decompressed(message, self._encoding, self._max_bytes)
        return message

    def _release(self, size: int) -> None:
        if size:
            self._held -= size
            self._consume(size)

"""The life of one call: its request, its handler's task, its deadline, its one response.

A call ends once, by whichever comes first: its handler returns or raises, its deadline passes, or
its caller goes. What comes later is dropped. Which handler serves a call is decided in
`serving.server.grpc.protocol`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from serving.http2 import Connection
from serving.server.grpc import responses
from serving.server.grpc.framing import MessageReader, decompressed, framed, whole_message
from serving.server.grpc.heads import Head
from serving.server.grpc.inbox import Inbox
from serving.wire.errors import ServingError, StatusCode

logger = logging.getLogger(__name__)

# A handler that streams waits when this much is not sent yet.
_UNSENT_BYTES = 256 * 2**10
# Inflating more than this at once would keep other calls waiting.
_INLINE_INFLATE_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler knows about its call.

    Attributes:
        method: "/tensorflow.serving.PredictionService/Predict"
        metadata: What the caller added, by lower-case key; `-bin` values are bytes, and values of
            repeated keys are joined by a comma.
        deadline: The event loop's time at which the call is ended, or None.
        peer: Where the caller is, as gRPC writes it: `ipv4:127.0.0.1:4711`, `unix:`.
        response_metadata: Handlers may add pairs, which the caller gets as initial metadata.
            Values of `-bin` keys may be bytes.
    """

    method: str
    metadata: Mapping[str, str | bytes]
    deadline: float | None = None
    peer: str = ""
    response_metadata: list[tuple[str, str | bytes]] = field(default_factory=list)


UnaryHandler = Callable[[bytes, Call], Awaitable[bytes]]
StreamHandler = Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]


class Channel(Protocol):
    """The connection that a call came on, as the call sees it."""

    loop: asyncio.AbstractEventLoop
    connection: Connection[Head]

    def ended(self, call: ActiveCall) -> None:
        """Forgets a call, and sees to it that its response is written."""

    def flush_soon(self) -> None:
        """Sees to it that what was sent is written in this turn of the loop."""


class ActiveCall:
    """What both kinds of calls have in common.

    Args:
        channel: Where the call came from.
        stream_id: On which stream.
        call: What the handler is told.
        head: The request's header fields.
        max_bytes: Largest message of the request.
    """

    __slots__ = (
        "_begun", "_encoding", "_ended", "_max_bytes", "_timer", "call", "channel", "stream_id",
        "task",
    )  # fmt: skip

    def __init__(
        self, channel: Channel, stream_id: int, call: Call, head: Head, max_bytes: int
    ) -> None:
        self.channel = channel
        self.stream_id = stream_id
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self._encoding = head.encoding
        self._max_bytes = max_bytes
        self._begun = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        if call.deadline is not None:
            self._timer = channel.loop.call_at(call.deadline, self._expire)

    def begin(self) -> None:
        """Tells that the channel knows the call now."""

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Takes a part of the request's body."""
        raise NotImplementedError

    def drained(self) -> None:
        """Tells that all of the response's body so far has been written."""

    def cancel(self) -> None:
        """Ends the call without a response; its caller has gone."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self.task is not None:
            self.task.cancel()

    def fail(self, code: int, message: str) -> None:
        """Ends the call with an error, unless it has ended."""
        if self._ended:
            return
        connection = self.channel.connection
        if self.call.response_metadata and not self._begun:
            self._begin_in_spite()
        if self._begun:
            connection.send_end(self.stream_id, responses.trailers(code, message))
        else:
            connection.send_end(self.stream_id, responses.trailers_only(code, message))
        self._end()

    async def _work(self) -> None:
        raise NotImplementedError

    async def _run(self) -> None:
        try:
            await self._work()
        except ServingError as error:
            self.fail(error.code, error.message)
        except asyncio.CancelledError:
            self.fail(StatusCode.CANCELLED, "The server cancelled the call")
            raise
        except Exception:
            logger.exception("a handler of %s failed", self.call.method)
            self.fail(StatusCode.INTERNAL, "Internal error; the server's log has its cause")

    def _start(self) -> None:
        self.task = self.channel.loop.create_task(self._run())

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self.channel.ended(self)

    def _expire(self) -> None:
        self.stop(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def stop(self, code: int, message: str) -> None:
        """Ends the call with an error although its handler may be at work."""
        self.fail(code, message)
        if self.task is not None:
            self.task.cancel()

    def _begin(self) -> None:
        block = responses.initial(self.call.response_metadata)
        self.channel.connection.send_headers(self.stream_id, block)
        self._begun = True

    def _begin_in_spite(self) -> None:
        try:
            self._begin()
        except ValueError:
            logger.warning("%s: metadata cannot be sent", self.call.method, exc_info=True)

    async def _inflated(self, message: bytes) -> bytes:
        arguments = (message, self._encoding, self._max_bytes)
        if len(message) <= _INLINE_INFLATE_BYTES:
            return decompressed(*arguments)
        return await self.channel.loop.run_in_executor(None, decompressed, *arguments)


class UnaryCall(ActiveCall):
    """A call with one message each way; its handler starts when the request is whole."""

    __slots__ = ("_compressed", "_handler", "_message", "_messages", "_reader")

    def __init__(
        self,
        handler: UnaryHandler,
        channel: Channel,
        stream_id: int,
        call: Call,
        head: Head,
        max_bytes: int,
    ) -> None:
        super().__init__(channel, stream_id, call, head, max_bytes)
        self._handler = handler
        self._message = b""
        self._compressed = False
        self._messages = 0
        self._reader: MessageReader | None = None

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Takes a part of the request's body, and starts the handler after the last."""
        self.channel.connection.consume(self.stream_id, len(data))
        if ended and self._reader is None:
            message = whole_message(data, self._max_bytes)
            if message is not None:
                self._message = message
                self._start()
                return
        try:
            self._receive_part(data, ended)
        except ServingError as error:
            self.fail(error.code, error.message)

    def _receive_part(self, data: bytes, ended: bool) -> None:
        if self._reader is None:
            self._reader = MessageReader(self._max_bytes)
        for compressed, message in self._reader.feed(data):
            self._compressed, self._message = compressed, message
            self._messages += 1
        if self._messages > 1 or (ended and (self._messages == 0 or self._reader.in_message)):
            raise ServingError(
                StatusCode.INTERNAL,
                f"{self.call.method} takes one message; received {self._messages}"
                + (" and a part of another" if self._reader.in_message else ""),
            )
        if ended:
            self._start()

    async def _work(self) -> None:
        message, self._message = self._message, b""
        if self._compressed:
            message = await self._inflated(message)
        reply = await self._handler(message, self.call)
        headers = responses.initial(self.call.response_metadata)
        body = framed(reply)
        if not self._ended:
            self.channel.connection.send_response(
                self.stream_id, headers, body, responses.OK_TRAILERS
            )
            self._end()


class StreamCall(ActiveCall):
    """A call with any number of messages each way; its handler starts at once."""

    __slots__ = ("_drain", "_handler", "_inbox")

    def __init__(
        self,
        handler: StreamHandler,
        channel: Channel,
        stream_id: int,
        call: Call,
        head: Head,
        max_bytes: int,
    ) -> None:
        super().__init__(channel, stream_id, call, head, max_bytes)
        self._handler = handler
        self._drain: asyncio.Future[None] | None = None
        self._inbox = Inbox(head.encoding, max_bytes, self._consume)

    def begin(self) -> None:
        """Starts the handler, which may end at once."""
        self._start()

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Takes a part of the request's body, for the handler to read."""
        try:
            self._inbox.put(data, ended=ended)
        except ServingError as error:
            self.stop(error.code, error.message)

    def drained(self) -> None:
        """Lets a handler go on that has sent more than the caller has read."""
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _consume(self, size: int) -> None:
        if not self._ended:
            self.channel.connection.consume(self.stream_id, size)
            self.channel.flush_soon()

    async def _work(self) -> None:
        replies = self._handler(self._inbox, self.call)
        try:
            async for reply in replies:
                if self._ended:
                    return
                await self._send(reply)
        finally:
            close = getattr(replies, "aclose", None)
            if close is not None:
                await close()
        if not self._begun:
            self._begin()
        self.channel.connection.send_end(self.stream_id, responses.OK_TRAILERS)
        self._end()

    async def _send(self, reply: bytes) -> None:
        connection = self.channel.connection
        if not self._begun:
            self._begin()
        connection.send_body(self.stream_id, framed(reply))
        self.channel.flush_soon()
        if connection.unsent(self.stream_id) > _UNSENT_BYTES:
            self._drain = self.channel.loop.create_future()
            await self._drain

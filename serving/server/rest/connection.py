"""One HTTP/1.1 connection: whose turn it is, and how long a client may take.

Requests that come ahead of their turn wait in a queue; the client is not read while that holds
much. Neither a head, nor an idle client, nor one that takes no answer may last for ever. Where a
call is answered before its body was read, the rest is read and thrown away for a while: closing at
once would often destroy the answer on its way.

Parsing is for `serving.server.rest.reader`, what is answered for `serving.server.rest.app`,
listening for `serving.server.rest.server`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from serving.server.rest.alarm import Alarm
from serving.server.rest.answers import Answer, head
from serving.server.rest.exchange import Exchange, Stop
from serving.server.rest.reader import RefusedError, RequestReader
from serving.wire.rest import error_response

MAX_AHEAD_BYTES = 2**16  # that nobody asked for yet
HEAD_TIMEOUT_SEC = 60.0
LINGER_SEC = 5.0

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ERRORS = 400
_ONE_WRITE_BYTES = 2**16  # larger bodies are not worth the copy


@dataclasses.dataclass(slots=True)
class Service:
    """What the connections of a server have in common.

    Attributes:
        answer: Answers an exchange; None where nobody waits for an answer.
        timeout_sec: For a whole call, its body included; 0 or less means none.
        max_body_bytes: Of a request.
        idle_sec: After which a connection without a request is closed.
        date: The Date header, its line whole; kept up to date by the server.
        connections: Those that are open, or have a call that did not end yet.
    """

    answer: Callable[[Exchange], Awaitable[Answer | None]]
    timeout_sec: float
    max_body_bytes: int
    idle_sec: float
    date: bytes = b""
    connections: set[Connection] = dataclasses.field(default_factory=set)


class Connection(asyncio.Protocol):
    """A connection that speaks HTTP/1.1, one exchange after the other.

    Args:
        service: What is answered, and how patiently.
        loop: The event loop that it runs on.
    """

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._alarm = Alarm(loop)
        self._reader = RequestReader(self._accept, service.max_body_bytes, self._want_body)
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._current: Exchange | None = None  # its answer is still to come
        self._queue: deque[Exchange] = deque()
        self._ahead = 0  # bytes that came since there is a queue
        self._is_reading = True
        self._head_is_timed = False
        self._is_lingering = False  # the body of what was answered is still to come
        self._writable: asyncio.Future[None] | None = None
        self._unsent = 0  # bytes, when last looked
        self._last_words = b""
        self._is_deaf = False  # nothing is parsed any more
        self._is_lost = False

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task of the exchange in flight, None where there is none."""
        return None if self._current is None else self._current.task

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a request, but not for ever."""
        self._transport = cast(asyncio.Transport, transport)
        self._service.connections.add(self)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection, and cancels its call: nobody waits for the answer."""
        self._is_lost = self._is_deaf = True
        self._alarm.stop()
        self._queue.clear()
        self._reader.end()
        self.resume_writing()
        task = self.task
        if self._current is None or task is None or task.done():
            self._service.connections.discard(self)
        else:  # the loop alone would not keep the task alive
            self._current.stop(Stop.GONE)
            task.add_done_callback(lambda _: self._service.connections.discard(self))

    def pause_writing(self) -> None:
        """Sends no further answer: the client is slow to read."""
        if self._writable is None:
            self._writable = self._loop.create_future()
            self._unsent = 0

    def resume_writing(self) -> None:
        """Sends what has waited."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def data_received(self, data: bytes) -> None:
        """Reads what came, and holds the client to limits."""
        if self._is_deaf:
            return
        try:
            self._reader.feed(data)
        except RefusedError as error:
            self._refuse(error)
        else:
            self._limit(len(data))

    # What the server asks.

    def shutdown(self) -> None:
        """Takes no more requests, and closes when those at work are answered."""
        self._reader.is_ended = True
        if self._current is None:
            self.close()

    def close(self) -> None:
        """Closes the connection once everything is sent."""
        self._is_deaf = self._reader.is_ended = True
        if not self._is_lost:
            self._transport.close()
            self._alarm.set(self._service.idle_sec, self._abort_if_stuck)

    # The rest.

    def _accept(self, exchange: Exchange) -> None:
        """Begins an exchange, or lets it wait for its turn."""
        self._head_is_timed = self._is_lingering = False
        if self._current is None:
            self._begin(exchange)
        else:
            self._queue.append(exchange)

    def _limit(self, received: int) -> None:
        """Holds a client to limits after so many bytes more."""
        receiving = self._reader.receiving
        if receiving is not None and not receiving.body.wanted:
            self._ahead = max(self._ahead, receiving.body.size)
        if self._queue:
            self._ahead += received
        if self._ahead > MAX_AHEAD_BYTES:
            self._pause_reading()
        if self._current is None and receiving is None:
            self._await_head()

    def _await_head(self) -> None:
        """Times a head from its first byte; the first after a body that nobody read, too."""
        if self._is_lingering:
            self._is_lingering = False
            self._wait()
        elif not self._head_is_timed and (self._reader.in_head or not self._reader.progressed):
            self._time_head()

    def _time_head(self) -> None:
        self._head_is_timed = True
        self._alarm.set(HEAD_TIMEOUT_SEC, self.close)

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        if self._service.timeout_sec > 0:
            self._alarm.set(self._service.timeout_sec, self._expire)
        else:
            self._alarm.off()
        exchange.task = self._loop.create_task(self._serve(exchange))

    def _expire(self) -> None:
        if self._current is not None:
            self._current.stop(Stop.LATE)
        self._alarm.set(LINGER_SEC, self.close)  # should it not stop

    async def _serve(self, exchange: Exchange) -> None:
        answer = await self._service.answer(exchange)
        while self._writable is not None:
            self._alarm.set(self._service.idle_sec, self._abort_if_stuck)
            await asyncio.shield(self._writable)
        if answer is not None and not self._transport.is_closing():
            self._send(exchange, answer)
            self._go_on(exchange)

    def _send(self, exchange: Exchange, answer: Answer) -> None:
        if b"expect" in exchange.headers and answer.status >= _ERRORS:
            # A client that waited for leave to send its body may now send it or not.
            self._reader.is_ended = True
            self._queue.clear()
        start = head(answer, exchange.request_id, self._service.date, close=self._is_last)
        if exchange.method == "HEAD":
            self._transport.write(start)
        elif len(answer.body) < _ONE_WRITE_BYTES:
            self._transport.write(start + answer.body)
        else:
            self._transport.writelines((start, answer.body))

    @property
    def _is_last(self) -> bool:
        return self._reader.is_ended and not self._queue and not self._last_words

    def _go_on(self, answered: Exchange) -> None:
        """Turns to what comes after an answer."""
        self._current = None
        answered.body.drop()
        if not self._queue:
            self._resume_reading()
        if self._queue:
            self._begin(self._queue.popleft())
        elif self._reader.is_ended:
            if self._last_words:
                self._transport.write(self._last_words)
            self.close()
        else:
            self._is_lingering = not answered.body.complete
            self._wait()

    def _wait(self) -> None:
        """Waits for the next request, or for the end of a body that nobody reads."""
        if self._is_lingering:
            self._alarm.set(LINGER_SEC, self.close)
        elif self._reader.in_head:
            self._time_head()
        else:
            self._alarm.set(self._service.idle_sec, self.close)

    def _want_body(self) -> None:
        """Lets the body of the exchange in flight come."""
        current = self._current
        if current is None or self._transport.is_closing():
            return
        if current.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(_CONTINUE)
        if not self._queue:
            self._resume_reading()

    def _refuse(self, error: RefusedError) -> None:
        """Answers what is no request, in its turn, and reads no more."""
        broken, was_ended = self._reader.receiving, self._reader.is_ended
        self._is_deaf = True
        self._reader.end()
        if broken is None and was_ended:
            return  # what follows a last request does not matter
        answer = Answer(error_response(error.message), error.status)
        self._last_words = head(answer, "", self._service.date, close=True) + answer.body
        if self._queue and self._queue[-1] is broken:
            self._queue.pop()
        if self._current is None or self._current is broken:
            self._transport.write(self._last_words)
            self.close()

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._ahead = 0
        if not self._is_reading and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()

    def _abort_if_stuck(self) -> None:
        """Ends a connection whose client takes nothing more."""
        unsent = self._transport.get_write_buffer_size()
        if unsent and 0 < self._unsent <= unsent:
            self._transport.abort()
        self._unsent = unsent
        self._alarm.set(self._service.idle_sec, self._abort_if_stuck)

"""The server's side of one HTTP/2 connection, without any input or output of its own.

Bytes go in by `receive`, which returns events; `send_*` and `take_output` give the bytes to write.
It does what gRPC needs: no push, no priorities, no CONNECT. What frames mean is decided in
`serving.http2.incoming`, what goes out when in `serving.http2.sending`.

    connection = Connection(interpret=dict)
    for event in connection.receive(data, now): ...
    transport.write(connection.take_output())

Source: RFC 9113.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from serving.http2 import frames
from serving.http2.blocks import Fields
from serving.http2.errors import ConnectionLevelError, ErrorCode
from serving.http2.events import Event
from serving.http2.incoming import DRAIN_PING, Incoming
from serving.http2.limits import Limits
from serving.http2.table import StreamTable

Meaning = TypeVar("Meaning")

DEFAULT_LIMITS = Limits()
_CHUNK_BYTES = 256 * 2**10


class Connection(Generic[Meaning]):
    """One connection, from the preface to GOAWAY.

    Args:
        interpret: Makes of a request's header fields what the application wants to see of them.
            It is called once for fields that come again in the same bytes, so its result must be
            immutable. It may raise `MalformedRequestError`.
        limits: What the peer is granted.
    """

    def __init__(
        self, interpret: Callable[[Fields], Meaning], limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._table = StreamTable(limits)
        self._sender = self._table.sender
        self._incoming = Incoming(interpret, limits, self._table)
        self._sender.add(frames.settings_frame(limits.settings()))
        extra = limits.connection_window - frames.DEFAULT_WINDOW
        if extra:
            self._sender.add(frames.window_frame(0, extra))

    # What the owner asks.

    @property
    def open_streams(self) -> int:
        """How many streams have not ended in both directions."""
        return len(self._table.streams)

    @property
    def in_head(self) -> bool:
        """Whether the peer has begun its preface, settings or a header block, and not ended it."""
        return self._incoming.in_head

    @property
    def in_frame(self) -> bool:
        """Whether the peer has begun a frame and not ended it."""
        return self._incoming.in_frame

    @property
    def has_output(self) -> bool:
        """Whether `take_output` may have something."""
        return self._sender.has_output

    def unsent(self, stream_id: int) -> int:
        """Returns how many bytes of a response's body wait for windows or for the writer."""
        stream = self._table.streams.get(stream_id)
        return stream.pending_bytes if stream else 0

    # What the owner does.

    def receive(self, data: bytes, now: float) -> list[Event[Meaning]]:
        """Takes what came from the peer; never raises.

        Args:
            data: Bytes as they were read.
            now: Seconds of a monotonic clock.

        Returns:
            What it means, in order. After `ConnectionFailed` there is nothing more.
        """
        return self._incoming.receive(data, now)

    def consume(self, stream_id: int, size: int) -> None:
        """Tells that the application has used `size` bytes of a body, so that more may come."""
        stream = self._table.streams.get(stream_id)
        if stream is not None:
            self._table.consume(stream, size)

    def send_response(self, stream_id: int, headers: bytes, body: bytes, trailers: bytes) -> None:
        """Sends a whole response; nothing happens when the stream has ended meanwhile.

        Args:
            stream_id: Which stream.
            headers: Header block of `serving.http2.headers.encoded`.
            body: At least one byte.
            trailers: Header block.
        """
        stream = self._table.streams.get(stream_id)
        if stream is not None:
            self._sender.response(stream, headers, body, trailers)

    def send_headers(self, stream_id: int, block: bytes) -> None:
        """Begins a response."""
        stream = self._table.streams.get(stream_id)
        if stream is not None:
            self._sender.headers(stream, block)

    def send_body(self, stream_id: int, data: bytes) -> None:
        """Sends a part of a response's body, at least one byte."""
        stream = self._table.streams.get(stream_id)
        if stream is not None:
            self._sender.body(stream, data)

    def send_end(self, stream_id: int, block: bytes) -> None:
        """Ends a response with a header block, the only one or the trailers."""
        stream = self._table.streams.get(stream_id)
        if stream is not None:
            self._sender.end(stream, block)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Ends a stream at once."""
        if stream_id in self._table.streams:
            self._table.reset(stream_id, code)

    def announce_drain(self) -> None:
        """Asks the peer to open no more streams; `DrainAnswered` tells when it knows."""
        self._sender.add(frames.goaway_frame(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR))
        self._sender.add(frames.frame(frames.PING, 0, 0, DRAIN_PING))

    def finish_drain(self) -> None:
        """Refuses all streams that are not open yet."""
        if self._table.goaway_id == frames.MAX_STREAM_ID:
            self._table.goaway_id = self._table.last_id
            self._sender.add(frames.goaway_frame(self._table.last_id, ErrorCode.NO_ERROR))

    def fail(self, code: ErrorCode, reason: str) -> None:
        """Ends the connection for a reason that its owner found."""
        self._incoming.fail(ConnectionLevelError(code, reason))

    def take_output(self, budget: int = _CHUNK_BYTES) -> bytes:
        """Returns bytes to write, about `budget` at most; empty when nothing can be sent now."""
        return self._sender.take(budget)

    def take_drained(self) -> list[int]:
        """Returns the streams whose bodies have gone out since this was last asked."""
        drained = self._sender.drained
        if drained:
            self._sender.drained = []
        return drained

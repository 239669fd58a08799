"""What goes out, and when: flow control, frame sizes, and turns between streams.

Replies to the peer's control frames go out as they come. Bodies wait for the peer's windows, and
streams that have something to send take turns, a frame each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from serving.http2 import frames
from serving.http2.errors import ConnectionLevelError, ErrorCode, StreamLevelError
from serving.http2.streams import Stream

# A frame longer than this would make the other streams wait without saving anything noticeable.
_LONGEST_FRAME = 64 * 2**10
# With more than this waiting, the peer is slow to read, and responses wait in their streams, which
# count against its limit of streams.
_PROMPT_BYTES = 64 * 2**10

_pack = frames.pack_header


class Sender:
    """The bytes that wait to be written on one connection.

    Args:
        ended: Called with each stream whose last frame has gone out.

    Attributes:
        window: Bytes of bodies that the peer lets us send on the connection.
        initial_window: What new streams may send.
        parts_sent: Parts of bodies that have gone out since this was last zeroed.
        drained: Streams whose bodies have gone out since this was last emptied.
    """

    def __init__(self, ended: Callable[[Stream], None]) -> None:
        self._ended = ended
        self._out: list[bytes | memoryview] = []
        self._queue: deque[Stream] = deque()
        self._max_frame = frames.DEFAULT_FRAME_BYTES
        self.out_bytes = 0
        self.window = frames.DEFAULT_WINDOW
        self.initial_window = frames.DEFAULT_WINDOW
        self.parts_sent = 0
        self.drained: list[int] = []

    @property
    def has_output(self) -> bool:
        """Whether something waits that may be written."""
        return bool(self._out or self._queue)

    def add(self, data: bytes) -> None:
        """Puts whole frames, to which no flow control applies, into the output."""
        self._out.append(data)
        self.out_bytes += len(data)

    def headers(self, stream: Stream, block: bytes) -> None:
        """Sends the first header block of a response."""
        self._block(stream.id, block, 0)

    def body(self, stream: Stream, data: bytes) -> None:
        """Sends a part of a body, at least one byte, as soon as windows permit."""
        if stream.pending is None:
            stream.pending = deque()
        stream.pending.append(memoryview(data))
        stream.pending_bytes += len(data)
        self.enqueue(stream)

    def end(self, stream: Stream, trailers: bytes) -> None:
        """Ends a stream with a header block, once its body has gone out."""
        stream.trailers = trailers
        if stream.pending_bytes or self.out_bytes > _PROMPT_BYTES:
            self.enqueue(stream)
        else:
            self._finish(stream, trailers)

    def response(self, stream: Stream, headers: bytes, body: bytes, trailers: bytes) -> None:
        """Sends a whole response; in one piece when windows permit."""
        size = len(body)
        if (
            size > stream.send_window
            or size > self.window
            or self.out_bytes > _PROMPT_BYTES
            or max(size, len(headers), len(trailers)) > frames.DEFAULT_FRAME_BYTES
        ):
            self.headers(stream, headers)
            self.body(stream, body)
            self.end(stream, trailers)
            return
        self.window -= size
        number = stream.id
        data = b"".join(
            (
                _pack(len(headers) << 8 | frames.HEADERS, frames.END_HEADERS, number),
                headers,
                _pack(size << 8 | frames.DATA, 0, number),
                body,
                _pack(len(trailers) << 8 | frames.HEADERS, _LAST_HEADERS, number),
                trailers,
            )
        )
        self._out.append(data)
        self.out_bytes += len(data)
        self._ended(stream)

    def drop(self, stream: Stream) -> None:
        """Forgets what a stream has to send."""
        stream.pending = None
        stream.pending_bytes = 0
        stream.trailers = None  # it may still stand in the queue, and is skipped there

    def enqueue(self, stream: Stream) -> None:
        """Gives a stream a turn, unless it has one coming."""
        if not stream.queued and (stream.pending_bytes or stream.trailers is not None):
            stream.queued = True
            self._queue.append(stream)

    def take(self, budget: int) -> bytes:
        """Returns what may be written now, about `budget` bytes at most, and forgets it."""
        while self._queue and self.out_bytes < budget:
            if not self._turn(self._queue[0]):
                break
        out, self._out, self.out_bytes = self._out, [], 0
        if len(out) == 1 and isinstance(out[0], bytes):
            return out[0]
        return b"".join(out)

    def grant(self, increment: int) -> None:
        """Widens the connection's window.

        Raises:
            ConnectionLevelError: The window would exceed 2**31-1.
        """
        self.window += increment
        if self.window > frames.MAX_WINDOW:
            reason = "the connection's window exceeds 2**31-1"
            raise ConnectionLevelError(ErrorCode.FLOW_CONTROL_ERROR, reason)

    def grant_stream(self, stream: Stream, increment: int) -> None:
        """Widens a stream's window.

        Raises:
            StreamLevelError: The window would exceed 2**31-1.
        """
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW:
            reason = "the stream's window exceeds 2**31-1"
            raise StreamLevelError(stream.id, ErrorCode.FLOW_CONTROL_ERROR, reason)
        self.enqueue(stream)

    def set_max_frame(self, size: int) -> None:
        """Follows the peer's SETTINGS_MAX_FRAME_SIZE."""
        self._max_frame = min(size, _LONGEST_FRAME)

    def _turn(self, stream: Stream) -> bool:
        """Lets the first stream of the queue send a frame; returns whether others may go on."""
        if stream.pending_bytes and self.window <= 0:
            return False
        self._queue.popleft()
        stream.queued = False
        if stream.pending_bytes:
            if stream.send_window <= 0:
                return True  # queued again when the peer widens its window
            self._data(stream)
        if stream.pending_bytes:
            self.enqueue(stream)
        elif stream.trailers is not None:
            self._finish(stream, stream.trailers)
        return True

    def _data(self, stream: Stream) -> None:
        assert stream.pending
        part = stream.pending[0]
        size = min(len(part), stream.send_window, self.window, self._max_frame)
        self._out.append(_pack(size << 8 | frames.DATA, 0, stream.id))
        self._out.append(part[:size])
        self.out_bytes += frames.HEADER_BYTES + size
        self.parts_sent += 1
        self.window -= size
        stream.send_window -= size
        stream.pending_bytes -= size
        if size == len(part):
            stream.pending.popleft()
        else:
            stream.pending[0] = part[size:]
        if not stream.pending_bytes:
            self.drained.append(stream.id)

    def _finish(self, stream: Stream, trailers: bytes) -> None:
        self._block(stream.id, trailers, frames.END_STREAM)
        self._ended(stream)

    def _block(self, stream_id: int, block: bytes, flags: int) -> None:
        """Sends a header block, cut into CONTINUATION frames where it is too long for one."""
        limit = frames.DEFAULT_FRAME_BYTES
        kind = frames.HEADERS
        while len(block) > limit:
            self.add(frames.frame(kind, flags, stream_id, block[:limit]))
            kind, flags, block = frames.CONTINUATION, 0, block[limit:]
        self.add(frames.frame(kind, flags | frames.END_HEADERS, stream_id, block))


_LAST_HEADERS = frames.END_HEADERS | frames.END_STREAM

"""The streams of one connection: which are open, which have been, and what they may still send.

Which frames lead to which of these steps is decided in `serving.http2.incoming` and
`serving.http2.connection`.
"""

from __future__ import annotations

from serving.http2 import frames
from serving.http2.errors import ConnectionLevelError, ErrorCode, StreamLevelError
from serving.http2.limits import Limits
from serving.http2.sending import Sender
from serving.http2.streams import Stream

_MAX_REMEMBERED_RESETS = 1000


class StreamTable:
    """The streams of a connection and its window for receiving.

    Args:
        limits: What the peer is granted.

    Attributes:
        sender: What goes out.
        streams: Open streams by number.
        last_id: Highest stream that the peer has opened.
        goaway_id: Highest stream that is answered.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sender = Sender(self._response_ended)
        self.streams: dict[int, Stream] = {}
        self.last_id = 0
        self.goaway_id = frames.MAX_STREAM_ID
        self._resets: dict[int, None] = {}
        self._receive_window = limits.connection_window
        self._unreleased = 0

    def open(self, stream_id: int, announced: int | None, now: float, *, ended: bool) -> None:
        """Opens a stream.

        Args:
            stream_id: Higher than all before.
            announced: The body's length, if the request says it.
            now: Seconds of a monotonic clock.
            ended: Whether there is no body.

        Raises:
            StreamLevelError: There are too many, or the announced body is missing.
        """
        if len(self.streams) >= self._limits.max_concurrent_streams:
            raise StreamLevelError(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        stream = Stream(stream_id, self.sender.initial_window, self._limits.stream_window, now)
        stream.announced = announced
        stream.remote_open = not ended
        if ended:
            stream.count_body(0, end=True)
        self.streams[stream_id] = stream

    def forget(self, stream: Stream) -> None:
        """Ends a stream without a frame; what the application has not consumed counts as if."""
        del self.streams[stream.id]
        self.sender.drop(stream)
        if stream.unconsumed:
            self.release(stream.unconsumed)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Sends RST_STREAM and remembers it, as frames of the peer may be under way."""
        self.sender.add(frames.reset_frame(stream_id, code))
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.forget(stream)
        self._resets[stream_id] = None
        if len(self._resets) > _MAX_REMEMBERED_RESETS:
            del self._resets[next(iter(self._resets))]

    def was_reset(self, stream_id: int) -> bool:
        """Returns whether we reset a stream not long ago."""
        return stream_id in self._resets

    def check_not_idle(self, stream_id: int, name: str) -> None:
        """Checks that a stream is open or has been.

        Raises:
            ConnectionLevelError: It is not.
        """
        if stream_id > self.last_id or not stream_id & 1:
            reason = f"{name} on stream {stream_id}, which is not open"
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)

    def take_in(self, size: int) -> None:
        """Accounts for `size` flow-controlled bytes from the peer.

        Raises:
            ConnectionLevelError: They are more than the connection's window allows.
        """
        if size > self._receive_window:
            reason = f"{size} bytes in the connection's window of {self._receive_window}"
            raise ConnectionLevelError(ErrorCode.FLOW_CONTROL_ERROR, reason)
        self._receive_window -= size

    def release(self, size: int) -> None:
        """Lets the peer send `size` more bytes on the connection; told in large steps."""
        self._unreleased += size
        if self._unreleased * 2 >= self._limits.connection_window:
            self.sender.add(frames.window_frame(0, self._unreleased))
            self._receive_window += self._unreleased
            self._unreleased = 0

    def consume(self, stream: Stream, size: int) -> None:
        """Lets the peer send `size` more bytes on a stream; told in large steps."""
        stream.unconsumed -= size
        self.release(size)
        stream.unreleased += size
        if stream.remote_open and stream.unreleased * 2 >= self._limits.stream_window:
            self.sender.add(frames.window_frame(stream.id, stream.unreleased))
            stream.receive_window += stream.unreleased
            stream.unreleased = 0

    def resize_windows(self, size: int) -> None:
        """Follows the peer's SETTINGS_INITIAL_WINDOW_SIZE, which concerns open streams too.

        Raises:
            ConnectionLevelError: A window would exceed 2**31-1.
        """
        change = size - self.sender.initial_window
        self.sender.initial_window = size
        for stream in self.streams.values():
            try:
                self.sender.grant_stream(stream, change)
            except StreamLevelError as error:  # section 6.9.2: a matter of the connection here
                raise ConnectionLevelError(error.code, error.reason) from error

    def _response_ended(self, stream: Stream) -> None:
        if stream.remote_open:
            # Section 8.1: the response is whole, and the rest of the request is not wanted.
            self.reset(stream.id, ErrorCode.NO_ERROR)
        else:
            self.forget(stream)

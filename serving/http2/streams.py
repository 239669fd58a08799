"""The state of one stream, both directions.

What may happen to a stream when is decided in `serving.http2.incoming`, when its bytes go out in
`serving.http2.sending`.
"""

from __future__ import annotations

from collections import deque

from serving.http2.errors import ErrorCode, StreamLevelError


class Stream:
    """One stream that a client opened.

    Attributes:
        id: Odd number.
        opened_at: When the peer opened it, in seconds of the connection's clock.
        send_window: Bytes that the peer lets us send; negative after it lowered its setting.
        receive_window: Bytes that the peer may send.
        unconsumed: Bytes received that the application has not consumed.
        unreleased: Bytes consumed that the peer has not been told of.
        announced: Bytes of the body still to come by its content-length, or None.
        remote_open: Whether the peer may send.
        pending: Parts of the body that wait to be sent.
        pending_bytes: Their size.
        trailers: Header block that ends the stream after them, or None as long as more may come.
        queued: Whether the stream is in the sender's queue.
    """

    __slots__ = (
        "announced",
        "id",
        "opened_at",
        "pending",
        "pending_bytes",
        "queued",
        "receive_window",
        "remote_open",
        "send_window",
        "trailers",
        "unconsumed",
        "unreleased",
    )

    def __init__(
        self, stream_id: int, send_window: int, receive_window: int, opened_at: float
    ) -> None:
        self.id = stream_id
        self.opened_at = opened_at
        self.send_window = send_window
        self.receive_window = receive_window
        self.unconsumed = 0
        self.unreleased = 0
        self.announced: int | None = None
        self.remote_open = True
        self.pending: deque[memoryview] | None = None
        self.pending_bytes = 0
        self.trailers: bytes | None = None
        self.queued = False

    def take_in(self, size: int) -> None:
        """Accounts for `size` flow-controlled bytes from the peer.

        Raises:
            StreamLevelError: They are more than the window allows.
        """
        self.unconsumed += size
        if size > self.receive_window:
            reason = f"{size} bytes in a window of {self.receive_window}"
            raise StreamLevelError(self.id, ErrorCode.FLOW_CONTROL_ERROR, reason)
        self.receive_window -= size

    def count_body(self, size: int, *, end: bool) -> None:
        """Compares the body with its announced length.

        Raises:
            StreamLevelError: It is longer, or ends before.
        """
        if self.announced is None:
            return
        self.announced -= size
        if self.announced < 0 or (end and self.announced):
            reason = f"the body differs from its content-length by {-self.announced} bytes"
            raise StreamLevelError(self.id, ErrorCode.PROTOCOL_ERROR, reason)

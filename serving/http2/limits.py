"""What a connection grants its peer, and how much nuisance it puts up with.

Allowances are token buckets: time fills them, and so does work the peer asks for where a busy
client rightly sends more of a frame. They tell when they are empty; what happens then is left to
`serving.http2.incoming`.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.http2 import frames


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection grants its peer.

    Attributes:
        max_concurrent_streams: Streams open at once; more are refused, and may be tried again.
        stream_window: Bytes of one stream that may wait to be consumed.
        connection_window: Bytes of all streams that may wait to be consumed.
        max_frame_bytes: Largest payload of a frame, 16,384 to 16,777,215.
        max_header_list_bytes: Largest header list, as RFC 9113 section 6.5.2 counts it. Also bounds
            the bytes of a block while it is being received.
        max_continuations: CONTINUATION frames in one block.
        max_unread_bytes: Replies that may wait for a peer which does not read.
    """

    max_concurrent_streams: int = 1000
    stream_window: int = 4 * 2**20
    connection_window: int = 16 * 2**20
    max_frame_bytes: int = 2**20
    max_header_list_bytes: int = 64 * 2**10
    max_continuations: int = 32
    max_unread_bytes: int = 2**20

    def settings(self) -> list[tuple[int, int]]:
        """Returns the pairs for the SETTINGS frame."""
        return [
            (frames.MAX_CONCURRENT_STREAMS, self.max_concurrent_streams),
            (frames.INITIAL_WINDOW_SIZE, self.stream_window),
            (frames.MAX_FRAME_SIZE, self.max_frame_bytes),
            (frames.MAX_HEADER_LIST_SIZE, self.max_header_list_bytes),
        ]


class Allowance:
    """A token bucket for one kind of nuisance.

    Args:
        burst: Tokens when full, which it is at first.
        per_sec: Tokens that come back in a second.
    """

    __slots__ = ("_burst", "_filled_at", "_per_sec", "_tokens")

    def __init__(self, burst: float, per_sec: float) -> None:
        self._burst = burst
        self._per_sec = per_sec
        self._tokens = burst
        self._filled_at = 0.0

    def spend(self, now: float) -> bool:
        """Takes a token at the time `now`, in seconds; returns whether there was one."""
        gained = (now - self._filled_at) * self._per_sec
        self._tokens = min(self._burst, self._tokens + gained) - 1
        self._filled_at = now
        return self._tokens >= 0

    def refund(self, tokens: float) -> None:
        """Gives tokens back, for work that was asked for meanwhile."""
        self._tokens = min(self._burst, self._tokens + tokens)

"""What happens on a connection, as its owner is told."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from serving.http2.errors import ErrorCode

Meaning = TypeVar("Meaning")


class RequestReceived(NamedTuple, Generic[Meaning]):
    """A client opened a stream.

    Attributes:
        stream_id: Which.
        head: What the interpreter made of its header fields.
        ended: Whether there is no body.
    """

    stream_id: int
    head: Meaning
    ended: bool


class DataReceived(NamedTuple):
    """A part of a request's body came, or its end.

    Attributes:
        stream_id: Which stream.
        data: The part, perhaps empty. Report its length to `Connection.consume` in time.
        ended: Whether it was the last.
    """

    stream_id: int
    data: bytes
    ended: bool


class StreamReset(NamedTuple):
    """A stream ended before its time, by the peer's wish or by its fault.

    Attributes:
        stream_id: Which stream.
        code: Why, as in RST_STREAM; a number that is no `ErrorCode` stands as it came.
    """

    stream_id: int
    code: int


class DrainAnswered(NamedTuple):
    """The peer has seen that the connection will go away."""


class PeerLeaving(NamedTuple):
    """The peer will open no more streams."""


class ConnectionFailed(NamedTuple):
    """The connection is over; write what is left, which says so to the peer, and close.

    Attributes:
        code: As in GOAWAY.
        reason: What was expected and what came.
    """

    code: ErrorCode
    reason: str


Event = (
    RequestReceived[Meaning]
    | DataReceived
    | StreamReset
    | DrainAnswered
    | PeerLeaving
    | ConnectionFailed
)

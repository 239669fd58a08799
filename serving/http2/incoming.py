"""What the peer's frames mean: to events, to the table of streams, and to the output.

Each type of frame has its handler, which raises one of the two errors of `serving.http2.errors`
when a rule is broken. What the owner of the connection may do is in `serving.http2.connection`.

Source: RFC 9113, section 6. Other sections are cited where a rule is not obvious.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from serving.http2 import frames
from serving.http2.blocks import Fields
from serving.http2.errors import ConnectionLevelError, ErrorCode, StreamLevelError
from serving.http2.events import (
    ConnectionFailed,
    DataReceived,
    DrainAnswered,
    Event,
    PeerLeaving,
    RequestReceived,
    StreamReset,
)
from serving.http2.headers import HeaderDecoder
from serving.http2.limits import Allowance, Limits
from serving.http2.reading import FrameReader
from serving.http2.requests import MalformedRequestError, check_trailers, content_length
from serving.http2.table import StreamTable

Meaning = TypeVar("Meaning")

DRAIN_PING = b"draining"
# A stream that is reset sooner was hardly meant to be answered.
_YOUNG_SEC = 0.05
_STRIPPED = frames.PADDED | frames.PRIORITY_FLAG


class Incoming(Generic[Meaning]):
    """The receiving half of a connection.

    Args:
        interpret: Makes of a request's fields what the application wants to see of them.
        limits: What the peer is granted.
        table: The connection's streams.

    Attributes:
        failed: Whether a fault ended the connection.
    """

    def __init__(
        self, interpret: Callable[[Fields], Meaning], limits: Limits, table: StreamTable
    ) -> None:
        self._limits = limits
        self._table = table
        self._sender = table.sender
        self._reader = FrameReader(limits.max_frame_bytes)
        self._decoder = HeaderDecoder[tuple[int | None, Meaning]](
            lambda fields: (content_length(fields), interpret(fields)), limits.max_header_list_bytes
        )
        # Which type the next frame must have; any, where it is None.
        self._awaited: int | None = frames.SETTINGS
        self._block: tuple[int, int, list[bytes]] = (0, 0, [])
        # Cancelled calls (CVE-2023-44487) and frames that ask for nothing.
        self._reset_allowance = Allowance(burst=1000, per_sec=200)
        self._idle_allowance = Allowance(burst=2000, per_sec=100)
        self._now = 0.0
        self._events: list[Event[Meaning]] = []
        self.failed = False
        self._handlers = (
            self._on_data,
            self._on_headers,
            self._on_priority,
            self._on_reset,
            self._on_settings,
            self._on_push_promise,
            self._on_ping,
            self._on_goaway,
            self._on_window_update,
            self._on_continuation,
        )

    @property
    def in_head(self) -> bool:
        """Whether the peer has begun its preface, settings or a header block, and not ended it."""
        return self._awaited is not None

    @property
    def in_frame(self) -> bool:
        """Whether the peer has begun a frame and not ended it."""
        return self._reader.in_frame

    def receive(self, data: bytes, now: float) -> list[Event[Meaning]]:
        """Takes what came from the peer; never raises. See `Connection.receive`."""
        events: list[Event[Meaning]] = []
        self._events = events
        if self.failed:
            return events
        self._now = now
        try:
            for kind, flags, stream_id, payload in self._reader.feed(data):
                try:
                    self._on_frame(kind, flags, stream_id, payload)
                except StreamLevelError as error:
                    self._abandon(error)
            self._check_unread()
        except ConnectionLevelError as error:
            self.fail(error)
        return events

    def fail(self, error: ConnectionLevelError) -> None:
        """Ends the connection."""
        self.failed = True
        goaway = frames.goaway_frame(self._table.last_id, error.code, error.reason)
        self._sender.add(goaway)
        self._events.append(ConnectionFailed(error.code, error.reason))

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._awaited is not None and kind != self._awaited:
            reason = f"a frame of type {kind}; expected one of type {self._awaited}"
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)
        if kind < len(self._handlers):
            self._handlers[kind](flags, stream_id, payload)
        else:
            self._put_up_with("frames of unknown types")

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._table.take_in(size)
        stream = self._table.streams.get(stream_id)
        if stream is None or not stream.remote_open:
            self._data_after_end(stream_id, size)
            return
        stream.take_in(size)
        data = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        ended = bool(flags & frames.END_STREAM)
        stream.count_body(len(data), end=ended)
        stream.remote_open = not ended
        if data:
            self._idle_allowance.refund(1)
        elif not ended:
            self._put_up_with("empty DATA frames")
        if size != len(data):
            self._table.consume(stream, size - len(data))
        self._events.append(DataReceived(stream_id, data, ended))

    def _data_after_end(self, stream_id: int, size: int) -> None:
        self._table.check_not_idle(stream_id, "DATA")
        self._table.release(size)
        if self._table.was_reset(stream_id):
            return  # sent before our RST_STREAM arrived
        self._put_up_with("DATA frames on ended streams")
        raise StreamLevelError(stream_id, ErrorCode.STREAM_CLOSED, "DATA after END_STREAM")

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id & 1:
            reason = f"HEADERS on stream {stream_id}; a client's streams are odd"
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)
        depends_on = None
        if flags & _STRIPPED:
            payload, depends_on = frames.without_priority(flags, frames.unpadded(flags, payload))
        if flags & frames.END_HEADERS:
            self._on_block(flags, stream_id, payload)
        else:
            self._block = (stream_id, flags, [payload])
            self._awaited = frames.CONTINUATION
        if depends_on == stream_id:
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, "depends on itself")

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block_id, block_flags, parts = self._block
        if self._awaited is None or stream_id != block_id:
            reason = f"CONTINUATION on stream {stream_id} without HEADERS before it"
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)
        parts.append(payload)
        limits = self._limits
        too_many = len(parts) > limits.max_continuations + 1
        if too_many or sum(map(len, parts)) > limits.max_header_list_bytes:
            reason = f"a header block in {len(parts)} parts is too long"
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, reason)
        if flags & frames.END_HEADERS:
            self._awaited = None
            self._block = (0, 0, [])
            self._on_block(block_flags, block_id, b"".join(parts))

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        if len(block) > self._limits.max_header_list_bytes:
            reason = f"a header block of {len(block)} bytes is too long"
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, reason)
        ended = bool(flags & frames.END_STREAM)
        if stream_id <= self._table.last_id:
            self._on_trailers(stream_id, block, ended)
            return
        self._table.last_id = stream_id
        # Decoded in any case: the block may change the table that later blocks refer to.
        try:
            length, head = self._decoder.decode(block)
        except MalformedRequestError as error:
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, str(error)) from error
        if stream_id > self._table.goaway_id:
            return
        self._table.open(stream_id, length, self._now, ended=ended)
        self._idle_allowance.refund(4)
        self._events.append(RequestReceived(stream_id, head, ended))

    def _on_trailers(self, stream_id: int, block: bytes, ended: bool) -> None:
        fields = self._decoder.fields(block)
        stream = self._table.streams.get(stream_id)
        if stream is None:
            if self._table.was_reset(stream_id):
                return
            reason = f"HEADERS on stream {stream_id}, which has ended"
            raise ConnectionLevelError(ErrorCode.STREAM_CLOSED, reason)
        if not stream.remote_open:
            raise StreamLevelError(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS after END_STREAM")
        try:
            check_trailers(fields)
        except MalformedRequestError as error:
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, str(error)) from error
        if not ended:
            reason = "a second header block that does not end the stream"
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, reason)
        stream.remote_open = False
        stream.count_body(0, end=True)
        self._events.append(DataReceived(stream_id, b"", ended=True))

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._put_up_with("PRIORITY frames")
        if not stream_id:
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:
            raise StreamLevelError(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is 5 bytes")
        if frames.word(payload) & frames.STREAM_MASK == stream_id:
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, "depends on itself")

    def _on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes")
        self._table.check_not_idle(stream_id, "RST_STREAM")
        stream = self._table.streams.get(stream_id)
        if stream is None:
            self._put_up_with("RST_STREAM frames on ended streams")
            return
        # Calls that a client gives up at their deadline are older, and as many as it made.
        young = self._now - stream.opened_at < _YOUNG_SEC
        if young and not self._reset_allowance.spend(self._now):
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, "too many rapid resets")
        self._table.forget(stream)
        self._events.append(StreamReset(stream_id, frames.word(payload)))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection_frame("SETTINGS", stream_id)
        self._put_up_with("SETTINGS frames")
        self._awaited = None
        if flags & frames.ACK:
            if payload:
                reason = f"an acknowledgement of SETTINGS with {len(payload)} bytes; expected none"
                raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, reason)
            return
        for identifier, value in frames.settings_pairs(payload):
            self._apply_setting(identifier, value)
        self._sender.add(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _apply_setting(self, identifier: int, value: int) -> None:
        if identifier == frames.ENABLE_PUSH and value > 1:
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
        if identifier == frames.MAX_FRAME_SIZE:
            if not frames.DEFAULT_FRAME_BYTES <= value <= frames.MAX_FRAME_BYTES:
                raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
            self._sender.set_max_frame(value)
        if identifier == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                reason = f"INITIAL_WINDOW_SIZE is {value}"
                raise ConnectionLevelError(ErrorCode.FLOW_CONTROL_ERROR, reason)
            self._table.resize_windows(value)

    def _on_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection_frame("PING", stream_id)
        if len(payload) != 8:
            reason = f"PING of {len(payload)} bytes; expected 8"
            raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, reason)
        if not flags & frames.ACK:
            self._put_up_with("PING frames")
            self._sender.add(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == DRAIN_PING:
            self._events.append(DrainAnswered())

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection_frame("GOAWAY", stream_id)
        if len(payload) < 8:
            raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of less than 8 bytes")
        self._events.append(PeerLeaving())

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is 4 bytes")
        increment = frames.word(payload) & frames.MAX_WINDOW
        if not stream_id:
            if not increment:
                raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
            self._sender.grant(increment)
            return
        self._table.check_not_idle(stream_id, "WINDOW_UPDATE")
        stream = self._table.streams.get(stream_id)
        if stream is None:
            return
        if not increment:
            raise StreamLevelError(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        self._sender.grant_stream(stream, increment)

    # Judgements.

    def _put_up_with(self, nuisance: str) -> None:
        # Clients measure the way with a PING for every part they get (grpc-go does).
        if self._sender.parts_sent:
            self._idle_allowance.refund(2 * self._sender.parts_sent)
            self._sender.parts_sent = 0
        if not self._idle_allowance.spend(self._now):
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, f"too many {nuisance}")

    def _check_unread(self) -> None:
        if self._sender.out_bytes > self._limits.max_unread_bytes:
            reason = f"{self._sender.out_bytes} bytes of replies are not read"
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, reason)

    def _abandon(self, error: StreamLevelError) -> None:
        # A peer that provokes resets is no better than one that sends them (CVE-2025-8671).
        if error.code != ErrorCode.REFUSED_STREAM and not self._reset_allowance.spend(self._now):
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, "too many broken streams")
        known = error.stream_id in self._table.streams
        self._table.reset(error.stream_id, error.code)
        if known:
            self._events.append(StreamReset(error.stream_id, error.code))


def _check_connection_frame(name: str, stream_id: int) -> None:
    if stream_id:
        reason = f"{name} on stream {stream_id}; expected stream 0"
        raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)

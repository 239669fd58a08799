"""From an asyncio transport to calls and back: one connection of a gRPC server.

Events of the sans-IO connection become calls here, and what the calls send is written, as much as
possible at once. The life of a call is left to `serving.server.grpc.calls`, listening and draining
to `serving.server.grpc.transport`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from serving.http2 import (
    Connection,
    ConnectionFailed,
    DataReceived,
    DrainAnswered,
    ErrorCode,
    Limits,
    PeerLeaving,
    RequestReceived,
    StreamReset,
)
from serving.server.grpc import responses
from serving.server.grpc.calls import (
    ActiveCall,
    Call,
    StreamCall,
    StreamHandler,
    UnaryCall,
    UnaryHandler,
)
from serving.server.grpc.heads import Head, head_of
from serving.wire.errors import ServingError, StatusCode

logger = logging.getLogger(__name__)

Authenticate = Callable[[Mapping[str, str | bytes]], None]

WRITE_BYTES = 256 * 2**10
# How long a connection that is over may take to have its last bytes read.
_LAST_WORDS_SEC = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take over what they have begun; idle between calls they may be for ever.

    Attributes:
        head_sec: From the beginning of a connection, or of a header block, to its end.
        frame_sec: Without a byte, within a frame.
    """

    head_sec: float = 20.0
    frame_sec: float = 60.0

    @property
    def check_interval_sec(self) -> float:
        """How often to look for clients that take longer."""
        return min(self.head_sec, self.frame_sec) / 4


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Service:
    """What a server answers, and whom.

    Attributes:
        unary: Handlers by method.
        streams: Handlers by method.
        max_message_bytes: Largest message of a request.
        authenticate: Called with each call's metadata; raises `ServingError` to refuse it.
        open_methods: Methods that are answered without `authenticate`.
        limits: What a connection is granted.
        patience: How long clients may take over what they have begun.
    """

    unary: Mapping[str, UnaryHandler]
    streams: Mapping[str, StreamHandler] = field(default_factory=dict)
    max_message_bytes: int = 2**31 - 1
    authenticate: Authenticate | None = None
    open_methods: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    patience: Patience = DEFAULT_PATIENCE


class GrpcProtocol(asyncio.Protocol):
    """One connection.

    Args:
        service: What is answered.
        channels: Where the connection enters itself as long as it is open.
        loop: The event loop that it runs on.
    """

    def __init__(
        self, service: Service, channels: set[GrpcProtocol], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.loop = loop
        self.connection: Connection[Head] = Connection(head_of, service.limits)
        self._service = service
        self._channels = channels
        self._calls: dict[int, ActiveCall] = {}
        # Tasks of calls that ended before them: the loop alone would not keep them alive.
        self._stopping: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._paused = False
        self._flush_scheduled = False
        self._closing = False
        self._received_at = self._head_began_at = loop.time()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets the client."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BYTES)
        self._peer = _peer_name(transport)
        self._channels.add(self)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Turns what came into calls."""
        now = self.loop.time()
        was_in_head = self.connection.in_head
        for event in self.connection.receive(data, now):
            if type(event) is DataReceived:
                call = self._calls.get(event.stream_id)
                if call is not None:
                    call.receive(event.data, ended=event.ended)
            elif type(event) is RequestReceived:
                self._begin_call(event)
            else:
                self._on_rare(event)
        self._received_at = now
        if not was_in_head:
            self._head_began_at = now
        if self.connection.has_output and not self._flush_scheduled:
            self._flush()

    def pause_writing(self) -> None:
        """Leaves responses in their streams: the client is slow to read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Writes what has waited."""
        self._paused = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels all calls: nobody waits for them any more."""
        self._transport = None
        self._channels.discard(self)
        self._cancel_calls()

    # What calls ask of their channel.

    def ended(self, call: ActiveCall) -> None:
        """Forgets a call, and sees to it that its response is written."""
        self._calls.pop(call.stream_id, None)
        self._keep_alive(call)
        if self._calls:
            self.flush_soon()  # the next call may end in the same turn, and share the write
        else:
            self._flush()

    def flush_soon(self) -> None:
        """Sees to it that what was sent is written in this turn of the loop."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self.loop.call_soon(self._flush)

    # What the server asks.

    @property
    def active_calls(self) -> int:
        """Calls that have not ended."""
        return len(self._calls)

    def announce_drain(self) -> None:
        """Asks the client to send its next calls elsewhere."""
        self.connection.announce_drain()
        self._flush()

    def finish_drain(self) -> None:
        """Takes no more calls, and closes when those at work have ended."""
        self.connection.finish_drain()
        self._closing = True
        self._flush()

    def abort_calls(self) -> None:
        """Ends all calls, and closes."""
        for call in list(self._calls.values()):
            call.stop(StatusCode.UNAVAILABLE, "The server is shutting down")
        self.finish_drain()
        self._close()

    def check_progress(self, now: float) -> None:
        """Closes the connection when the client takes too long over what it has begun."""
        patience = self._service.patience
        slow_head = self.connection.in_head and now - self._head_began_at > patience.head_sec
        slow_frame = self.connection.in_frame and now - self._received_at > patience.frame_sec
        if slow_head or slow_frame:
            self.connection.fail(ErrorCode.SETTINGS_TIMEOUT, "too slow in sending a frame")
            self._flush()
            self._close()

    # The rest.

    def _begin_call(self, event: RequestReceived[Head]) -> None:
        stream_id, head = event.stream_id, event.head
        if head.http_refusal is not None:
            self.connection.send_end(stream_id, responses.http_error(head.http_refusal))
            return
        refusal = head.refusal or self._refusal(head)
        if refusal is not None:
            block = responses.trailers_only(refusal.code, refusal.message)
            self.connection.send_end(stream_id, block)
            return
        self._calls[stream_id] = call = self._new_call(stream_id, head)
        call.begin()
        if event.ended:
            call.receive(b"", ended=True)

    def _refusal(self, head: Head) -> ServingError | None:
        service = self._service
        if service.authenticate is not None and head.method not in service.open_methods:
            try:
                service.authenticate(head.metadata)
            except ServingError as error:
                return error
            except Exception:
                logger.exception("authentication failed")
                return ServingError(StatusCode.INTERNAL, "Internal error in authentication")
        if head.method in service.unary or head.method in service.streams:
            return None
        return ServingError(StatusCode.UNIMPLEMENTED, f"Method not found: {head.method}")

    def _new_call(self, stream_id: int, head: Head) -> ActiveCall:
        timeout = head.timeout_sec
        deadline = None if timeout is None else self.loop.time() + timeout
        call = Call(head.method, head.metadata, deadline, self._peer)
        limit = self._service.max_message_bytes
        handler = self._service.unary.get(head.method)
        if handler is not None:
            return UnaryCall(handler, self, stream_id, call, head, limit)
        return StreamCall(self._service.streams[head.method], self, stream_id, call, head, limit)

    def _on_rare(self, event: object) -> None:
        if isinstance(event, StreamReset):
            call = self._calls.pop(event.stream_id, None)
            if call is not None:
                call.cancel()
                self._keep_alive(call)
        elif isinstance(event, DrainAnswered):
            self.finish_drain()
        elif isinstance(event, PeerLeaving):
            self._closing = True
            self.flush_soon()
        elif isinstance(event, ConnectionFailed):
            logger.info("%s: %s (%s)", self._peer, event.reason, event.code.name)
            self._flush()
            self._close()

    def _keep_alive(self, call: ActiveCall) -> None:
        task = call.task
        if task is not None and not task.done():
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def _cancel_calls(self) -> None:
        for call in self._calls.values():
            call.cancel()
            self._keep_alive(call)
        self._calls.clear()

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._transport is None:
            return
        while not self._paused:
            data = self.connection.take_output(WRITE_BYTES)
            if data:
                self._transport.write(data)
            if len(data) < WRITE_BYTES:
                break
        for stream_id in self.connection.take_drained():
            call = self._calls.get(stream_id)
            if call is not None:
                call.drained()
        if self._closing and not self.connection.open_streams:
            self._close()

    def _close(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._cancel_calls()
            self._transport.close()
            self.loop.call_later(_LAST_WORDS_SEC, self._transport.abort)


def _peer_name(transport: asyncio.BaseTransport) -> str:
    connected = transport.get_extra_info("socket")
    address = transport.get_extra_info("peername")
    if connected is None or connected.family == socket.AF_UNIX or not address:
        return "unix:"
    if connected.family == socket.AF_INET6:
        return f"ipv6:[{address[0]}]:{address[1]}"
    return f"ipv4:{address[0]}:{address[1]}"

"""TensorFlow's profiler, reached through the server's own port.

TensorFlow's profiler listens on a port of its own, on all interfaces; it cannot be stopped or
bound elsewhere. So it is started only when somebody first asks to profile, and what arrives for
`tensorflow.ProfilerService` at the server is passed on to it byte by byte. It writes traces where
the caller says, on this machine, as in TensorFlow Serving: let only trusted callers reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import grpc
import tensorflow as tf

from serving.backends.local import failures
from serving.wire.errors import ServingError, StatusCode

SERVICE = "tensorflow.ProfilerService"
METHODS = ("Profile", "Terminate", "Monitor")
_NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_LOGGER = logging.getLogger(__name__)


class Profiler:
    """Passes calls on to TensorFlow's profiler; one for a process, used on one event loop."""

    def __init__(self) -> None:
        self._channel: grpc.aio.Channel | None = None
        self._starting = asyncio.Lock()

    async def forward(self, method: str, body: bytes) -> bytes:
        """Answers a call of `SERVICE`.

        Args:
            method: One of `METHODS`.
            body: The request, serialized.

        Returns:
            The response, serialized.

        Raises:
            ServingError: UNIMPLEMENTED for another method, else what the profiler answers.
        """
        if method not in METHODS:
            raise ServingError(
                StatusCode.UNIMPLEMENTED,
                f"{SERVICE} has no method {method}; it has {', '.join(METHODS)}.",
            )
        channel = await self._started()
        try:
            return await channel.unary_unary(f"/{SERVICE}/{method}")(body)
        except grpc.aio.AioRpcError as error:
            code = StatusCode(error.code().value[0])
            raise ServingError(code, error.details() or code.name) from error

    async def close(self) -> None:
        """Ends the connection; the profiler itself listens as long as the process lives."""
        if self._channel is not None:
            await self._channel.close()

    async def _started(self) -> grpc.aio.Channel:
        async with self._starting:
            if self._channel is None:
                port = await asyncio.to_thread(_start)
                self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_NO_LIMIT)
            return self._channel


def _start() -> int:
    port = _free_port()
    try:
        tf.profiler.experimental.server.start(port)
    except failures.COMPUTING as error:
        raise failures.of_computing(error) from error
    _LOGGER.info("TensorFlow's profiler listens on port %d", port)
    return port


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

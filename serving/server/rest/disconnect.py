"""Stops work for clients that went away, so that it does not take the place of others'."""

from __future__ import annotations

import asyncio
from types import TracebackType

from serving.server.rest.bodies import DisconnectedError, Receive

# Most calls are over before, and need no task that watches.
PATIENCE_SEC = 0.02


class DisconnectWatch:
    """Cancels the task that entered it once the client disconnects.

    Leaving it by that cancellation raises `DisconnectedError`; any other passes through.

    Args:
        receive: ASGI's, after the whole body was received.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._worker: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        self._worker = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PATIENCE_SEC, self._start, loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and isinstance(error, asyncio.CancelledError):
            if self._worker is not None:
                self._worker.uncancel()
            raise DisconnectedError from error

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watcher = loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._worker is not None:
            self._worker.cancel()

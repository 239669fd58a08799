"""Work that nobody waits for: bounded, begun after the answer it follows, and unable to hurt it.

What does not fit is refused, not queued: a shadow that is too slow loses copies, and takes neither
memory nor time from callers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_LOGGER = logging.getLogger(__name__)

MOST = 64
TIMEOUT_SEC = 10.0


class Background:
    """Runs some work at a time; for the event loop.

    Args:
        most: How much may be under way at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pending = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, work: Callable[[], Coroutine[Any, Any, object]]) -> bool:
        """Begins work once the present turn of the event loop is over.

        Returns:
            False where there was no room.
        """
        if self._closed or self._pending >= self._most:
            return False
        self._pending += 1
        # The answer that this follows is written in the next turn; the work begins after that.
        asyncio.get_running_loop().call_soon(self._begin, work)
        return True

    async def close(self) -> None:
        """Takes no more work and ends what is under way."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        except Exception:
            _LOGGER.exception("work in the background failed")
        finally:
            self._pending -= 1

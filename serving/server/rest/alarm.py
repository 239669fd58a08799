"""One timer for a connection that always waits for something, and seldom as long as allowed.

Setting it anew leaves the loop's own timer where that is due earlier anyway: it then wakes, sees
that it is too early, and sleeps on. So a call that is over in milliseconds costs no timer.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

_CLOCK_STEP_SEC = 0.001  # uvloop counts in milliseconds and may wake that much too early


class Alarm:
    """Does one thing later, unless it is set to another before.

    Args:
        loop: That waits.
    """

    __slots__ = ("_action", "_due", "_loop", "_timer", "_wakes_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._action: Callable[[], None] | None = None
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    def set(self, seconds: float, action: Callable[[], None]) -> None:
        """Does `action` after `seconds`, in the place of what was set before."""
        self._action = action
        self._due = self._loop.time() + seconds
        if self._due < self._wakes_at:
            self._sleep()

    def off(self) -> None:
        """Does nothing of what was set."""
        self._action = None

    def stop(self) -> None:
        """Does nothing of what was set, and lets the loop forget the alarm."""
        self._action = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wakes_at = math.inf

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at = self._due
        self._timer = self._loop.call_later(self._due - self._loop.time(), self._wake)

    def _wake(self) -> None:
        self._timer, self._wakes_at = None, math.inf
        action = self._action
        if action is None:
            return
        if self._due - self._loop.time() > _CLOCK_STEP_SEC:
            self._sleep()
            return
        self._action = None
        action()

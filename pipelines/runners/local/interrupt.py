"""Ctrl-C and SIGTERM as a flag that a run looks at, instead of an exception at any line.

An exception could fall between starting a node and noting that it was started. The second signal
is the old behaviour, for a user who will not wait.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@dataclasses.dataclass
class Interrupt:
    """Whether the run has been asked to stop.

    Attributes:
        requested: True from the first signal on.
    """

    requested: bool = False


@contextlib.contextmanager
def deferred() -> Iterator[Interrupt]:
    """Turns the first SIGINT or SIGTERM into a flag; the second raises KeyboardInterrupt.

    A signal that the process ignores, as one started in the background does, stays ignored. Off
    the main thread, where Python allows no handlers, the flag is never set.
    """
    interrupt = Interrupt()

    def note(number: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            signal.default_int_handler(number, frame)
        interrupt.requested = True

    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    earlier = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield interrupt
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)

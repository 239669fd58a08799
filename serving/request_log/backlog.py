"""The bounded queue between those who answer requests and the thread that writes the log.

Its lock is held for a few instructions and never during I/O, so nobody waits for the disk. The
writing thread is woken once for a burst, not for each record: waking costs the caller more than
everything else here.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

Make = Callable[[], bytes]


class Backlog:
    """Records that wait to be made and written; for many threads that put and one that takes.

    Attributes:
        offered: Calls of `put` so far.
        refused: Calls that found it full, or closed.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        """Makes an empty one.

        Args:
            max_records: How many may wait.
            max_bytes: How large they may be together, as their makers estimate.
        """
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: collections.deque[tuple[Make, int]] = collections.deque()
        self._bytes = 0
        self._closed = False
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._pressed = threading.Event()
        self.offered = 0
        self.refused = 0

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    def put(self, make: Make, size: int) -> bool:
        """Adds a record, and returns whether there was room; never waits for room."""
        with self._lock:
            self.offered += 1
            count = len(self._waiting)
            total = self._bytes + size
            if count >= self._max_records or total > self._max_bytes or self._closed:
                self.refused += 1
                return False
            self._waiting.append((make, size))
            self._bytes = total
        if not count:
            self._filled.set()
        # An event that is set already is cheap to look at and dear to set.
        elif self._half_full(count + 1, total) and not self._pressed.is_set():
            self._pressed.set()
        return True

    def _half_full(self, records: int, size: int) -> bool:
        return 2 * records >= self._max_records or 2 * size >= self._max_bytes

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    def wait(self, timeout_sec: float | None, linger_sec: float) -> None:
        """Waits for records, and a little longer for more of them.

        Args:
            timeout_sec: At most so long for the first, or without end.
            linger_sec: And then for others, unless the queue is half full or closed.
        """
        if self._filled.wait(timeout_sec):
            self._pressed.wait(linger_sec)

    def take(self, most: int) -> list[Make]:
        """Removes and returns the oldest records, at most so many."""
        with self._lock:
            count = min(most, len(self._waiting))
            taken = [self._waiting.popleft() for _ in range(count)]
            self._bytes -= sum(size for _, size in taken)
            if not self._waiting and not self._closed:
                self._filled.clear()
                self._pressed.clear()
        return [make for make, _ in taken]

    def close(self) -> None:
        """Takes no more from now on, and wakes whoever waits; what waits can still be taken."""
        with self._lock:
            self._closed = True
            self._filled.set()
            self._pressed.set()

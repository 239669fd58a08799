"""The bounded queue between those who answer requests and the thread that writes the log.

Its lock is held for a few instructions and never during I/O, so nobody waits for the disk. The
writing thread is woken once for a burst, not for each record: waking costs the caller more than
everything else here.
"""

from __future__ import annotations

import collections
import threading

Parts = tuple[bytes, ...]  # of a record, one after another; large ones are not copied to join them


class Backlog:
    """Records that wait to be written; for many threads that put and one that takes.

    Attributes:
        offered: Calls of `put` so far.
        refused: Calls that found it full, or closed.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        """Makes an empty one.

        Args:
            max_records: How many may wait.
            max_bytes: How large they may be together.
        """
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._many = (max_records + 1) // 2
        self._large = (max_bytes + 1) // 2
        self._waiting: collections.deque[tuple[Parts, int, float]] = collections.deque()
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

    def put(self, parts: Parts, at: float = 0.0) -> bool:
        """Adds a record, and returns whether there was room; never waits for room.

        Args:
            parts: The record.
            at: When it was made, for `oldest`.
        """
        size = sum(map(len, parts))
        with self._lock:
            self.offered += 1
            total = self._bytes + size
            if len(self._waiting) >= self._max_records or total > self._max_bytes or self._closed:
                self.refused += 1
                return False
            self._waiting.append((parts, size, at))
            self._bytes = total
            # An event that is set already is cheap to look at and dear to set.
            if not self._filled.is_set():
                self._filled.set()
            if self._half_full() and not self._pressed.is_set():
                self._pressed.set()
        return True

    def _half_full(self) -> bool:
        return len(self._waiting) >= self._many or self._bytes >= self._large

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    @property
    def oldest(self) -> float | None:
        """When the record that has waited longest was made; None while none waits."""
        return self._waiting[0][2] if self._waiting else None

    def wait(self, timeout_sec: float | None, linger_sec: float) -> None:
        """Waits for records, and a little longer for more of them.

        Args:
            timeout_sec: At most so long for the first, or without end.
            linger_sec: And then for others, unless the queue is half full or closed.
        """
        if self._filled.wait(timeout_sec):
            self._pressed.wait(linger_sec)

    def take(self, most_bytes: int) -> list[Parts]:
        """Removes and returns the oldest records.

        Args:
            most_bytes: As many as are no larger together, but at least one if there is one.
        """
        taken: list[Parts] = []
        total = 0
        while self._waiting and (not taken or total + self._waiting[0][1] <= most_bytes):
            parts, size, _ = self._waiting.popleft()
            taken.append(parts)
            total += size
        with self._lock:
            self._bytes -= total
            if not self._closed:
                self._calm()
        return taken

    def _calm(self) -> None:
        if not self._waiting:
            self._filled.clear()
        # Though more may have come meanwhile: without this nobody would linger any more.
        if not self._half_full():
            self._pressed.clear()

    def close(self) -> None:
        """Takes no more from now on, and wakes whoever waits; what waits can still be taken."""
        with self._lock:
            self._closed = True
            self._filled.set()
            self._pressed.set()

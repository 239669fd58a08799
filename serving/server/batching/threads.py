"""The threads that compute batches, shared by every scheduler given to them.

A free thread takes the oldest batch of the queue whose turn it is; a queue with more goes to the
end of the line, so that no model and no signature starves another. Threads without work sleep, and
the one that fell asleep last is called first: its caches are warm, which a lone caller notices.

What computing means is for `serving.server.batching.computing`.
"""

from __future__ import annotations

import collections
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from serving.server.batching.queues import Place, Request, RequestQueue
from serving.wire.errors import ServingError, StatusCode

_log = logging.getLogger(__name__)

_Bell: TypeAlias = queue.SimpleQueue[None]


class BatchThreads:
    """Threads that compute batches; they start at once and do not keep a process alive.

    Args:
        count: How many batches are computed at a time.
        name: Prefix of the threads' names.
        clock: The event loop's time, in seconds.
    """

    def __init__(
        self,
        count: int,
        *,
        name: str = "batch_threads",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if count < 1:
            raise ValueError(f"count has to be at least 1. Received: {count}.")
        self.clock = clock
        self._lock = threading.Lock()
        self._ready: collections.deque[RequestQueue] = collections.deque()
        self._waiting: set[RequestQueue] = set()
        self._sleepers: list[_Bell] = []
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, requests: RequestQueue, request: Request) -> None:
        """Queues a request and wakes a thread if that makes work; from any thread.

        Raises:
            ServingError: The threads are closed; UNAVAILABLE.
        """
        with self._lock:
            if self._closing:
                raise ServingError(StatusCode.UNAVAILABLE, "The server is shutting down.")
            requests.push(request)
            if requests.place is not Place.READY:
                self._settle(requests, request.arrived)

    def withdraw(self, requests: RequestQueue, request: Request) -> bool:
        """Takes a request out of a queue; from any thread.

        Returns:
            False where it is computed already.
        """
        with self._lock:
            if not requests.remove(request):
                return False
            if requests.empty:
                self._waiting.discard(requests)
                if requests.place is Place.READY:
                    self._ready.remove(requests)
                requests.place = Place.IDLE
            return True

    def hurry(self, requests: RequestQueue) -> None:
        """Has everything in a queue computed without waiting for company; from any thread."""
        with self._lock:
            requests.hurry()
            if requests.place is Place.WAITING:
                self._settle(requests, self.clock())

    def close(self) -> None:
        """Computes what is queued, then ends the threads; blocks. A second call does nothing."""
        with self._lock:
            self._closing = True
            while self._sleepers:
                self._call_one()
        for thread in self._threads:
            thread.join()

    def _settle(self, requests: RequestQueue, now: float) -> None:
        """Puts a queue where it belongs and sees to it that a thread notices."""
        before = requests.place
        due = requests.due()
        self._waiting.discard(requests)
        if due is None:
            requests.place = Place.IDLE
        elif due <= now:
            requests.place = Place.READY
            self._ready.append(requests)
        else:
            requests.place = Place.WAITING
            self._waiting.add(requests)
        if requests.place is not before:
            self._call_one()

    def _call_one(self) -> None:
        if self._sleepers:
            self._sleepers.pop().put(None)

    def _next(self) -> tuple[RequestQueue, list[Request]] | None:
        """Takes the next batch; the lock is held."""
        if self._waiting:
            self._promote(math.inf if self._closing else self.clock())
        if not self._ready:
            return None
        requests = self._ready.popleft()
        batch = requests.take()
        requests.place = Place.IDLE
        if requests.due() is not None:
            self._settle(requests, self.clock())
        elif self._ready or self._waiting:
            # Whoever was called for the others may be this thread, which is busy from now on.
            self._call_one()
        return requests, batch

    def _promote(self, now: float) -> None:
        for requests in [each for each in self._waiting if (each.due() or 0.0) <= now]:
            self._waiting.discard(requests)
            requests.place = Place.READY
            self._ready.append(requests)

    def _sleep(self, bell: _Bell, timeout_sec: float | None) -> None:
        try:
            bell.get(timeout=timeout_sec)
        except queue.Empty:
            with self._lock:
                if bell in self._sleepers:
                    self._sleepers.remove(bell)
                else:
                    bell.get()  # called just as its time was up

    def _timeout(self) -> float | None:
        """Returns how long nothing gets due by itself; the lock is held."""
        dues = [due for each in self._waiting if (due := each.due()) is not None]
        return max(min(dues) - self.clock(), 0.0) if dues else None

    def _work(self) -> None:
        bell: _Bell = queue.SimpleQueue()  # of all that Python has, it wakes a thread soonest
        while True:
            timeout_sec = None
            with self._lock:
                taken = self._next()
                if taken is None:
                    if self._closing:
                        return
                    timeout_sec = self._timeout()
                    self._sleepers.append(bell)
            if taken is None:
                self._sleep(bell, timeout_sec)
                continue
            requests, batch = taken
            try:
                requests.compute(batch)
            except Exception:  # noqa: BLE001  (it is logged)
                # A thread that dies would take its share of the server with it.
                _log.exception("A batch of %d requests was lost.", len(batch))
            del requests, batch, taken  # else an idle thread holds on to a model

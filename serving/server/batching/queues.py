"""Requests that wait, gathered into batches; no threads and no clock of its own.

A queue holds requests that may share a call. The last batch is open: it takes requests until they
no longer fit. A batch is due when it is closed or full, or when its first request has waited long
enough; with a timeout of 0, at once.

    push 3 rows, push 4 rows, push 5 rows, at most 8 in a batch:  [3, 4] closed   [5] open

Who takes batches, and when, is for `serving.server.batching.threads`, which also holds the lock.

Source: SharedBatchScheduler in tensorflow/core/kernels/batching_util/shared_batch_scheduler.h.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from serving.server.batching.options import BatchingOptions
from serving.wire.errors import ServingError, StatusCode, invalid


@dataclasses.dataclass(slots=True, eq=False)
class Request:
    """One caller's rows.

    Attributes:
        inputs: By name; the first dimension counts rows.
        outputs: Those wanted; none means all.
        rows: Size of the first dimension; 1 for a request that has none, or no rows.
        deadline: The clock's time after which nobody waits for it, in seconds, or None.
        arrived: The clock's time at which it came, in seconds.
        future: Gets the outputs or the error.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[str]
    rows: int
    deadline: float | None
    arrived: float
    future: asyncio.Future[dict[str, np.ndarray]]


class Place(enum.Enum):
    """Where the threads keep a queue."""

    IDLE = "nothing in it"
    WAITING = "its open batch may still grow"
    READY = "a batch is due"


class RequestQueue:
    """Requests of one kind, in the order they came.

    Attributes:
        compute: Called with each batch, in a batch thread.
        splits: Whether a request that does not fit may be spread over several batches.
        place: For the threads only.
    """

    def __init__(self, options: BatchingOptions, compute: Callable[[list[Request]], None]) -> None:
        self.compute = compute
        self.splits = options.enable_large_batch_splitting
        self.place = Place.IDLE
        self._options = options
        self._largest = options.largest_batch
        self._timeout_sec = options.batch_timeout_sec
        self._closed: collections.deque[list[Request]] = collections.deque()
        self._open: list[Request] = []
        self._open_rows = 0

    def check(self, rows: int) -> None:
        """Refuses a request that is too large or that comes when the queue is full.

        Raises:
            ServingError: In TensorFlow's words: INVALID_ARGUMENT or UNAVAILABLE.
        """
        options = self._options
        if not options.from_file:
            return
        if rows > options.max_batch_size:
            raise invalid(
                f"Task size {rows} is larger than maximum input batch size {options.max_batch_size}"
            )
        if self.splits:
            self._check_capacity(rows)
        elif self._open_rows + rows > options.max_batch_size:
            self._check_batches()

    @property
    def empty(self) -> bool:
        """Whether no request waits; without the lock too, by the only thread that pushes."""
        return not self._closed and not self._open

    @property
    def room(self) -> int:
        """Rows that the open batch can still take."""
        return max(self._largest - self._open_rows, 0)

    def push(self, request: Request) -> None:
        """Adds a request to the open batch, or to a new one where it does not fit."""
        if self._open and self._open_rows + request.rows > self._largest:
            self._close_batch()
        self._open.append(request)
        self._open_rows += request.rows

    def due(self) -> float | None:
        """Returns since when, or from when on, a batch may be taken; None if there is none."""
        if self._closed:
            return self._closed[0][0].arrived
        if not self._open:
            return None
        arrived = self._open[0].arrived
        return arrived if self._open_rows >= self._largest else arrived + self._timeout_sec

    def take(self) -> list[Request]:
        """Removes the oldest batch; one has to be due."""
        if self._closed:
            return self._closed.popleft()
        batch = self._open
        self._open, self._open_rows = [], 0
        return batch

    def remove(self, request: Request) -> bool:
        """Takes a request out that nobody waits for; returns whether it was still here."""
        if request in self._open:
            self._open.remove(request)
            self._open_rows -= request.rows
            return True
        for batch in self._closed:
            if request in batch:
                batch.remove(request)
                if not batch:
                    self._closed.remove(batch)
                return True
        return False

    def hurry(self) -> None:
        """Stops waiting for company: whatever is here is due."""
        self._timeout_sec = 0.0

    def _close_batch(self) -> None:
        self._closed.append(self._open)
        self._open, self._open_rows = [], 0

    def _check_batches(self) -> None:
        count, limit = len(self._closed) + 1, self._options.max_enqueued_batches
        if limit is not None and count >= limit:
            raise ServingError(
                StatusCode.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{count} batches enqueued and max_enqueued_batches is {limit}",
            )

    def _check_capacity(self, rows: int) -> None:
        count, limit = len(self._closed) + 1, self._options.max_enqueued_batches
        if limit is None:
            return
        capacity = (limit - count) * self._largest + self.room
        if rows > capacity:
            raise ServingError(
                StatusCode.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; task size "
                f"is {rows} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={count}, max_enqueued_batches={limit}, "
                f"open_batch_size={self._open_rows}, max_execution_batch_size={self._largest}, )",
            )

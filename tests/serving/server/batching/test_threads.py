"""Real threads; a queue's `compute` says what they took."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from batching_servables import waiting_request

from serving.server.batching import BatchingOptions, BatchThreads
from serving.server.batching.queues import Request, RequestQueue
from serving.wire.errors import ServingError

PATIENCE_SEC = 30
HOURS_MICROS = 3_600_000_000

Taken = queue.SimpleQueue[tuple[str, int]]


@pytest.fixture
def start() -> Iterator[Callable[[int], BatchThreads]]:
    running: list[BatchThreads] = []

    def make(count: int) -> BatchThreads:
        running.append(BatchThreads(count, name="test_batch"))
        return running[-1]

    yield make
    for threads in running:
        threads.close()


def named(name: str, taken: Taken, **options: Any) -> RequestQueue:
    def compute(batch: list[Request]) -> None:
        taken.put((name, sum(request.rows for request in batch)))

    return RequestQueue(BatchingOptions(**options), compute)


class Gate:
    """A queue whose batches hold up their threads until it is opened."""

    def __init__(self) -> None:
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()
        self.queue = RequestQueue(BatchingOptions(max_batch_size=1), self._compute)

    def hold(self, threads: BatchThreads) -> None:
        threads.submit(self.queue, waiting_request({}, rows=1))
        assert self._entered.acquire(timeout=PATIENCE_SEC)

    def open(self) -> None:
        self._opened.set()

    def _compute(self, batch: list[Request]) -> None:
        self._entered.release()
        assert self._opened.wait(PATIENCE_SEC)


def test_queues_take_turns(start: Callable[[int], BatchThreads]) -> None:
    threads, gate, taken = start(1), Gate(), Taken()
    gate.hold(threads)
    queues = {name: named(name, taken, max_batch_size=1) for name in "abc"}
    for name in "aaaaabcc":
        threads.submit(queues[name], waiting_request({}, rows=1))

    gate.open()

    order = [taken.get(timeout=PATIENCE_SEC)[0] for _ in range(8)]
    assert "".join(order) == "abcacaaa"


def test_a_free_thread_is_not_held_up_by_a_busy_one(start: Callable[[int], BatchThreads]) -> None:
    threads, gate, taken = start(2), Gate(), Taken()
    gate.hold(threads)
    other = named("other", taken)
    for _ in range(3):
        threads.submit(other, waiting_request({}, rows=2))
        assert taken.get(timeout=PATIENCE_SEC) == ("other", 2)
    gate.open()


def test_time_is_up_even_if_the_thread_that_watched_got_busy(
    start: Callable[[int], BatchThreads],
) -> None:
    threads, gate, taken = start(2), Gate(), Taken()
    slow = named("slow", taken, batch_timeout_micros=50_000)
    threads.submit(slow, waiting_request({}, rows=1, arrived=threads.clock()))
    gate.hold(threads)

    assert taken.get(timeout=PATIENCE_SEC) == ("slow", 1)
    gate.open()


def test_a_queue_that_waits_does_not_hold_up_others(start: Callable[[int], BatchThreads]) -> None:
    threads, taken = start(1), Taken()
    patient = named("patient", taken, batch_timeout_micros=HOURS_MICROS)
    hasty = named("hasty", taken)
    threads.submit(patient, waiting_request({}, rows=1, arrived=threads.clock()))
    threads.submit(hasty, waiting_request({}, rows=1, arrived=threads.clock()))

    assert taken.get(timeout=PATIENCE_SEC) == ("hasty", 1)
    threads.hurry(patient)
    assert taken.get(timeout=PATIENCE_SEC) == ("patient", 1)


def test_closing_computes_what_is_queued(start: Callable[[int], BatchThreads]) -> None:
    threads, taken = start(2), Taken()
    patient = named("patient", taken, batch_timeout_micros=HOURS_MICROS)
    threads.submit(patient, waiting_request({}, rows=3, arrived=threads.clock()))

    threads.close()
    threads.close()

    assert taken.get_nowait() == ("patient", 3)
    assert not [each for each in threading.enumerate() if each.name.startswith("test_batch")]
    with pytest.raises(ServingError, match="shutting down"):
        threads.submit(patient, waiting_request({}, rows=1))


def test_closing_does_not_wait_for_what_is_left_over(
    start: Callable[[int], BatchThreads],
) -> None:
    threads, gate, taken = start(1), Gate(), Taken()
    gate.hold(threads)
    requests = named("rest", taken, max_batch_size=4, batch_timeout_micros=HOURS_MICROS)
    for rows in (4, 3):
        threads.submit(requests, waiting_request({}, rows=rows, arrived=threads.clock()))
    closing = threading.Thread(target=threads.close)
    closing.start()
    gate.open()
    closing.join(PATIENCE_SEC)

    assert [taken.get_nowait() for _ in range(2)] == [("rest", 4), ("rest", 3)]


def test_a_batch_that_breaks_its_thread_is_logged(
    start: Callable[[int], BatchThreads], caplog: pytest.LogCaptureFixture
) -> None:
    threads, taken = start(1), Taken()

    def broken(batch: list[Request]) -> None:
        raise ZeroDivisionError("broken")

    threads.submit(RequestQueue(BatchingOptions(), broken), waiting_request({}, rows=1))
    threads.submit(named("next", taken), waiting_request({}, rows=1))

    assert taken.get(timeout=PATIENCE_SEC) == ("next", 1)
    assert "A batch of 1 requests was lost." in caplog.text


def test_nothing_is_lost_or_taken_twice_under_contention(
    start: Callable[[int], BatchThreads],
) -> None:
    threads, taken = start(4), Taken()
    timeouts = (0, 0, 500, 2000)
    queues = [
        named(str(at), taken, max_batch_size=7, batch_timeout_micros=timeout)
        for at, timeout in enumerate(timeouts)
    ]
    example = waiting_request({}, rows=1)

    def produce() -> None:
        for turn in range(2000):
            request = dataclasses.replace(example, arrived=threads.clock())
            threads.submit(queues[turn % len(queues)], request)

    producers = [threading.Thread(target=produce) for _ in range(3)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    threads.close()

    rows = dict.fromkeys("0123", 0)
    while not taken.empty():
        name, count = taken.get()
        rows[name] += count
    assert rows == dict.fromkeys("0123", 1500)


def test_there_has_to_be_a_thread() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BatchThreads(0)

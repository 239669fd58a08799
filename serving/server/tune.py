"""Measures how fast a model computes batches of each size, and says which size to use.

    measure -> rows of figures -> recommend -> a size and why -> render -> a parameters file

Larger batches compute more examples per second up to a point; beyond it they only make everybody
wait longer. The point depends on the model and the device, so it is measured on them.

Loading the model and choosing examples is for the command `ringway serve tune`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from serving.backends.servable import Servable
from serving.wire.errors import ServingError, StatusCode

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

# The first calls with a new shape pay for tracing, allocation and cold caches.
_WARM_UP_CALLS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """How fast batches of one size were computed, one after another.

    Attributes:
        batch_size: Rows in each call.
        calls: How many were measured.
        examples_per_sec: Rows computed per second.
        p50_ms: Half of the calls took at most this many milliseconds.
        p99_ms: 99 of 100 calls took at most this many milliseconds.
    """

    batch_size: int
    calls: int
    examples_per_sec: float
    p50_ms: float
    p99_ms: float


@dataclasses.dataclass(frozen=True, slots=True)
class Recommendation:
    """The batch size to use, and why in one sentence."""

    batch_size: int
    reason: str


def measure(
    servable: Servable,
    signature: str,
    examples: Mapping[str, np.ndarray],
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seconds_per_size: float = 1.0,
    min_calls: int = 20,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measurement]:
    """Computes batches of each size; blocks.

    A size for which the device has too little memory ends the measuring.

    Args:
        servable: The model.
        signature: To call.
        examples: Its inputs; at least one row, which are repeated up to each size.
        batch_sizes: To measure, increasing.
        seconds_per_size: How long, at least.
        min_calls: How many calls, at least.
        clock: Seconds.

    Returns:
        One measurement for each size.

    Raises:
        ServingError: The model failed, and not for lack of memory at a larger size.
        ValueError: There are no rows to repeat.
    """
    measurements: list[Measurement] = []
    for size in batch_sizes:
        inputs = _repeated(examples, size)
        try:
            call = functools.partial(servable.run, signature, inputs)
            latencies = _latencies(call, seconds_per_size, min_calls, clock)
        except ServingError as error:
            if error.code is not StatusCode.RESOURCE_EXHAUSTED or not measurements:
                raise
            break
        measurements.append(summarize(size, latencies))
    return measurements


def summarize(batch_size: int, latencies_sec: Sequence[float]) -> Measurement:
    """Returns the figures for calls of one size.

    Args:
        batch_size: Rows in each call.
        latencies_sec: Of each call, at least one.
    """
    ordered = sorted(latencies_sec)
    total = sum(ordered)
    return Measurement(
        batch_size=batch_size,
        calls=len(ordered),
        examples_per_sec=batch_size * len(ordered) / total if total else math.inf,
        p50_ms=_percentile(ordered, 50) * 1e3,
        p99_ms=_percentile(ordered, 99) * 1e3,
    )


def recommend(
    measurements: Sequence[Measurement], *, within: float = 0.05, max_p99_ms: float | None = None
) -> Recommendation:
    """Returns the smallest batch size that is nearly as fast as the fastest.

    Args:
        measurements: Of each size.
        within: How much slower than the fastest it may be, from 0 to 1.
        max_p99_ms: Sizes whose calls take longer are left out of account; None for no limit.

    Raises:
        ValueError: Nothing was measured, or every size takes longer than `max_p99_ms`.
    """
    allowed = [m for m in measurements if max_p99_ms is None or m.p99_ms <= max_p99_ms]
    if not allowed:
        quickest = min((m.p99_ms for m in measurements), default=math.nan)
        raise ValueError(
            f"No batch size to recommend: the quickest of {len(measurements)} measured takes "
            f"{quickest:.2f} ms (p99), and at most {max_p99_ms} ms were allowed. Allow more, or "
            "measure smaller sizes."
        )
    best = max(allowed, key=lambda m: m.examples_per_sec)
    enough = best.examples_per_sec * (1 - within)
    chosen = min((m for m in allowed if m.examples_per_sec >= enough), key=lambda m: m.batch_size)
    return Recommendation(chosen.batch_size, _reason(chosen, best, within, max_p99_ms))


def render(
    measurements: Sequence[Measurement],
    recommendation: Recommendation,
    *,
    title: str,
    batch_threads: int,
) -> str:
    """Returns a batching parameters file with the figures as comments.

    Requests of up to the largest size measured are accepted, and split where they are larger than
    the size recommended: with a plain `max_batch_size` they would be refused.

    Args:
        measurements: Of each size.
        recommendation: From them.
        title: What was measured, on what, for the first line.
        batch_threads: Threads that compute batches.
    """
    largest = max(recommendation.batch_size, *(m.batch_size for m in measurements))
    comments = [title, "", *table(measurements), "", recommendation.reason]
    lines = [f"# {comment}".rstrip() for line in comments for comment in line.splitlines() or [""]]
    lines += [
        "",
        "# Rows that one request may have; it is split into batches of the size recommended.",
        f"max_batch_size {{ value: {largest} }}",
        "enable_large_batch_splitting { value: true }",
        f"max_execution_batch_size {{ value: {recommendation.batch_size} }}",
        "# No waiting for company: the next batch gathers while one is computed.",
        "batch_timeout_micros { value: 0 }",
        "# Beyond this many waiting batches a request is refused with UNAVAILABLE.",
        "max_enqueued_batches { value: 100 }",
        f"num_batch_threads {{ value: {batch_threads} }}",
    ]
    return "\n".join(lines) + "\n"


def table(measurements: Sequence[Measurement]) -> list[str]:
    """Returns the figures as lines of a table, its head first."""
    rows = [
        f"{m.batch_size:>10} {m.examples_per_sec:>12.0f} {m.p50_ms:>9.2f} {m.p99_ms:>9.2f}"
        for m in measurements
    ]
    return [f"{'batch size':>10} {'examples/s':>12} {'p50 ms':>9} {'p99 ms':>9}", *rows]


def _repeated(examples: Mapping[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    repeated = {}
    for name, array in examples.items():
        if not array.ndim or not len(array):
            raise ValueError(
                f"Input {name} has no rows to measure with. Received shape: {array.shape}."
            )
        repeated[name] = array[np.arange(size) % len(array)]
    return repeated


def _latencies(
    call: Callable[[], object], seconds: float, min_calls: int, clock: Callable[[], float]
) -> list[float]:
    for _ in range(_WARM_UP_CALLS):
        call()
    latencies: list[float] = []
    before = started = clock()
    while len(latencies) < min_calls or before - started < seconds:
        call()
        after = clock()
        latencies.append(after - before)
        before = after
    return latencies


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Returns the nearest-rank percentile of sorted values."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def _reason(chosen: Measurement, best: Measurement, within: float, max_p99_ms: float | None) -> str:
    limit = "" if max_p99_ms is None else f" among those that take at most {max_p99_ms} ms (p99)"
    if chosen is best:
        return (
            f"{chosen.batch_size} rows: the fastest{limit}, and no smaller batch comes within "
            f"{within:.0%} of its {best.examples_per_sec:.0f} examples/s."
        )
    return (
        f"{chosen.batch_size} rows: the smallest batch{limit} within {within:.0%} of the fastest "
        f"({best.batch_size} rows, {best.examples_per_sec:.0f} examples/s)."
    )

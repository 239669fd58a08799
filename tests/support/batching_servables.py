"""Servables with arithmetic of NumPy, which tests can hold up, break and watch."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from serving.server.batching import BatchingOptions, BatchReport, BatchScheduler, BatchThreads
from serving.server.batching.queues import Request
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import SignatureDefMap
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import DT_FLOAT, DT_STRING

POISON = -999.0  # a row with this value fails whatever call it is part of
HOURS_MICROS = 3_600_000_000

Arrays = dict[str, np.ndarray]


def double(inputs: Mapping[str, np.ndarray]) -> Arrays:
    """Returns 2x as `y` and 10x as `z`; any row of `POISON` fails."""
    x = inputs["x"]
    if (x == POISON).any():
        raise ServingError(StatusCode.INVALID_ARGUMENT, "poisoned")
    return {"y": x * 2, "z": x * 10}


def float_signature(
    name: str = "serving_default",
    *,
    shape: tuple[int, ...] | None = (-1, -1),
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y", "z"),
) -> Signature:
    """Returns a signature with floats of one shape everywhere."""
    spec = TensorSpec(DT_FLOAT, shape)
    return Signature(
        name,
        dict.fromkeys(inputs, spec),
        dict.fromkeys(outputs, spec),
        "tensorflow/serving/predict",
    )


def text_signature(name: str = "echo") -> Signature:
    """Returns a signature with one text per row."""
    spec = TensorSpec(DT_STRING, (-1,))
    return Signature(name, {"x": spec}, {"y": spec}, "tensorflow/serving/predict")


class NumpyServable:
    """A real Servable: one function for all signatures.

    Args:
        function: From inputs to all outputs.
        signatures: That can be called.

    Attributes:
        calls: Signature and inputs of every call, in order of their start.
        started: Counts calls that have begun; released once for each.
        gate: Calls wait until it is set.
    """

    def __init__(
        self,
        function: Callable[[Mapping[str, np.ndarray]], Arrays] = double,
        *signatures: Signature,
    ) -> None:
        self._function = function
        self._signatures = {each.name: each for each in signatures or [float_signature()]}
        self.calls: list[tuple[str, Mapping[str, np.ndarray]]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    @property
    def signature_def_map(self) -> Any:
        return SignatureDefMap()

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> Arrays:
        self.calls.append((signature, inputs))
        self.started.release()
        assert self.gate.wait(30), "nobody opened the gate"
        computed = self._function(inputs)
        return {name: computed[name] for name in outputs} if outputs else computed

    def close(self) -> None:
        pass

    def rows(self) -> list[int]:
        """Returns how many rows each call had."""
        return [len(next(iter(inputs.values()))) for _, inputs in self.calls]


@contextlib.asynccontextmanager
async def scheduling(
    servable: NumpyServable,
    *,
    threads: int = 1,
    on_batch: Callable[[BatchReport], None] | None = None,
    **options: Any,
) -> AsyncIterator[Scheduling]:
    """Yields a scheduler with threads of its own, closed at the end.

    Args:
        servable: That computes.
        threads: That compute batches.
        on_batch: Hears of batches in place of `reports`.
        **options: Of `BatchingOptions`, and `max_pending_requests`.
    """
    limit = options.pop("max_pending_requests", 4096)
    pool = BatchThreads(threads)
    reports: list[BatchReport] = []
    scheduler = BatchScheduler(
        servable,
        parameters=BatchingOptions(**options),
        threads=pool,
        on_batch=on_batch or reports.append,
        max_pending_requests=limit,
    )
    try:
        yield Scheduling(scheduler, pool, reports)
    finally:
        servable.gate.set()
        await scheduler.close()
        pool.close()


@dataclasses.dataclass(frozen=True)
class Scheduling:
    """A scheduler, its threads, and what it reported."""

    scheduler: BatchScheduler
    threads: BatchThreads
    reports: list[BatchReport]

    def run(self, *values: float, **keywords: Any) -> asyncio.Task[Arrays]:
        """Starts a request with one row for each value."""
        rows = np.array(values, np.float32).reshape(-1, 1)
        return self.start({"x": rows}, **keywords)

    def start(self, inputs: Arrays, **keywords: Any) -> asyncio.Task[Arrays]:
        """Starts a request; it is queued once the loop has turned."""
        signature = keywords.pop("signature", "serving_default")
        return asyncio.ensure_future(self.scheduler.run(signature, inputs, **keywords))


def waiting_request(
    inputs: Arrays, *outputs: str, rows: int | None = None, arrived: float = 0.0
) -> Request:
    """Returns a request as queues hold it; nobody waits for its future."""

    async def make() -> Request:
        count = len(next(iter(inputs.values()))) if rows is None else rows
        future = asyncio.get_running_loop().create_future()
        return Request(inputs, outputs, count, None, arrived, future)

    return asyncio.run(make())


async def started(servable: NumpyServable) -> None:
    """Returns once a further call of the servable has begun."""
    assert await asyncio.to_thread(servable.started.acquire, timeout=30), "no call began"


async def queued() -> None:
    """Returns once requests started before are in their queues."""
    for _ in range(3):
        await asyncio.sleep(0)


async def blocked(on: Scheduling, servable: NumpyServable) -> asyncio.Task[Arrays]:
    """Holds up the only thread with a request, so that what follows has to gather."""
    servable.gate.clear()
    task = on.run(0.0)
    await started(servable)
    return task


async def finish(servable: NumpyServable, *tasks: asyncio.Task[Arrays]) -> list[Any]:
    """Lets the servable go on, and returns what requests were answered or failed by."""
    servable.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def outcome(task: asyncio.Task[Arrays]) -> Any:
    """Returns what a request was answered, or failed by."""
    return (await asyncio.gather(task, return_exceptions=True))[0]


def values(answer: Any, name: str = "y") -> Any:
    """Returns the numbers of an output, or what came in place of an answer."""
    return answer[name].ravel().tolist() if isinstance(answer, dict) else answer


def error(code: StatusCode, message: str, answer: Any) -> bool:
    """Returns whether a request was refused with this code and message."""
    return isinstance(answer, ServingError) and (answer.code, answer.message) == (code, message)

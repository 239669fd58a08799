"""Whatever callers do at a time, each gets its own rows or its own error."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import numpy as np
from batching_servables import POISON, Arrays, NumpyServable, Scheduling, queued, scheduling
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.wire.errors import ServingError, StatusCode


@dataclasses.dataclass(frozen=True)
class Caller:
    """One request, and what its caller does.

    Attributes:
        rows: Of the request.
        width: Size of its other dimension.
        outputs: Asked for.
        poisoned: Whether it makes its call fail.
        cancelled: Whether its caller gives up once it is queued.
        expired: Whether its deadline has passed.
        pause: Whether others get a turn before it.
    """

    rows: int
    width: int
    outputs: tuple[str, ...]
    poisoned: bool
    cancelled: bool
    expired: bool
    pause: bool

    def inputs(self, number: int) -> Arrays:
        x = np.full((self.rows, self.width), number, np.float32) + np.arange(self.rows)[:, None]
        if self.poisoned:
            x[-1, -1] = POISON
        return {"x": x.astype(np.float32)}


_SELDOM = st.sampled_from([False] * 7 + [True])

CALLERS = st.lists(
    st.builds(
        Caller,
        rows=st.integers(1, 5),
        width=st.integers(1, 2),
        outputs=st.sampled_from([(), ("y",), ("z", "y")]),
        poisoned=_SELDOM,
        cancelled=_SELDOM,
        expired=_SELDOM,
        pause=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)

OPTIONS = st.sampled_from(
    [
        {},
        {"max_batch_size": 4},
        {"batch_timeout_micros": 300},
        {"max_batch_size": 8, "allowed_batch_sizes": (3, 8), "from_file": True},
        {"pad_variable_length_inputs": True, "from_file": True, "max_batch_size": 16},
        {
            "max_batch_size": 8,
            "max_execution_batch_size": 2,
            "enable_large_batch_splitting": True,
            "pad_variable_length_inputs": True,
            "from_file": True,
        },
    ]
)


async def call(on: Scheduling, callers: list[Caller]) -> list[Any]:
    now = asyncio.get_running_loop().time()
    tasks = []
    for number, caller in enumerate(callers):
        if caller.pause:
            await asyncio.sleep(0)
        deadline = now - 1 if caller.expired else now + 3600
        inputs = caller.inputs(100 * number)
        tasks.append(on.start(inputs, outputs=caller.outputs, deadline=deadline))
    await queued()
    for task, caller in zip(tasks, callers, strict=True):
        if caller.cancelled:
            task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


def check(number: int, caller: Caller, answer: Any) -> None:
    if caller.cancelled and isinstance(answer, asyncio.CancelledError):
        return
    if caller.expired:
        assert isinstance(answer, ServingError)
        assert answer.code is StatusCode.DEADLINE_EXCEEDED
        return
    if isinstance(answer, ServingError):
        shapes_differ = answer.code is StatusCode.FAILED_PRECONDITION
        assert shapes_differ or (caller.poisoned and answer.message == "poisoned")
        return
    assert not caller.poisoned
    assert isinstance(answer, dict), answer
    assert set(answer) == set(caller.outputs or ("y", "z"))
    x = caller.inputs(100 * number)["x"]
    for name, factor in (("y", 2), ("z", 10)):
        if name in answer:
            # Evened out, a request has columns more than it sent; its own come first.
            np.testing.assert_array_equal(answer[name][:, : caller.width], x * factor)
            assert len(answer[name]) == caller.rows


@settings(max_examples=150, deadline=None)
@given(callers=CALLERS, options=OPTIONS, threads=st.integers(1, 3))
def test_every_caller_gets_exactly_its_own(
    callers: list[Caller], options: dict[str, Any], threads: int
) -> None:
    async def scenario() -> list[Any]:
        async with scheduling(NumpyServable(), threads=threads, **options) as on:
            answers = await call(on, callers)
            await on.scheduler.close()
            assert on.scheduler.pending == 0
            return answers

    for number, answer in enumerate(asyncio.run(scenario())):
        check(number, callers[number], answer)

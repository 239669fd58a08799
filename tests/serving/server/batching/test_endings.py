"""Requests that fail, are given up or refused, and the end of a scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest
from batching_servables import (
    HOURS_MICROS,
    POISON,
    Arrays,
    NumpyServable,
    blocked,
    double,
    error,
    finish,
    outcome,
    queued,
    scheduling,
    values,
)

from serving.server.batching import BatchReport
from serving.wire.errors import ServingError, StatusCode

# Failures.


def test_only_the_request_at_fault_fails() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(POISON), on.run(3.0), on.run(POISON, 4.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert [values(answers[at]) for at in (0, 1, 3)] == [[0.0], [2.0], [6.0]]
        for at in (2, 4):
            assert error(StatusCode.INVALID_ARGUMENT, "poisoned", answers[at])
        assert servable.rows() == [1, 5, 1, 1, 1, 2]

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [ZeroDivisionError("whatever"), MemoryError(), StopIteration()])
def test_any_exception_reaches_its_caller_and_the_thread_goes_on(failure: Exception) -> None:
    def function(inputs: Mapping[str, np.ndarray]) -> Arrays:
        if (inputs["x"] == POISON).any():
            raise failure
        return double(inputs)

    async def scenario() -> None:
        servable = NumpyServable(function)
        async with scheduling(servable) as on:
            answer = await outcome(on.run(POISON))
            assert isinstance(answer, RuntimeError if "Stop" in repr(failure) else type(failure))
            assert values(await on.run(1.0)) == [2.0]

    asyncio.run(scenario())


def test_a_signature_that_is_not_there_is_refused() -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable()) as on:
            answer = await outcome(on.run(1.0, signature="s"))
            text = 'Serving signature name: "s" not found in signature def'
            assert error(StatusCode.INVALID_ARGUMENT, text, answer)

    asyncio.run(scenario())


def test_a_batch_that_cannot_be_counted_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    def observer(report: BatchReport) -> None:
        raise ZeroDivisionError("counted wrongly")

    async def scenario() -> None:
        async with scheduling(NumpyServable(), on_batch=observer) as on:
            assert values(await on.run(1.0)) == [2.0]
            assert values(await on.run(2.0)) == [4.0]

    asyncio.run(scenario())
    assert caplog.text.count("A batch could not be counted.") == 2


# Callers who give up.


def test_a_cancelled_request_is_not_computed_and_harms_nobody() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(POISON), on.run(3.0)]
            await queued()
            others[1].cancel()
            answers = await finish(servable, first, *others)
            assert on.scheduler.pending == 0
        assert isinstance(answers[2], asyncio.CancelledError)
        assert [values(answers[at]) for at in (1, 3)] == [[2.0], [6.0]]
        assert servable.rows() == [1, 2]

    asyncio.run(scenario())


def test_a_request_cancelled_while_computed_is_forgotten() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            first.cancel()
            second = on.run(2.0)
            await queued()
            answers = await finish(servable, first, second)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert values(answers[1]) == [4.0]
        assert on.scheduler.pending == 0

    asyncio.run(scenario())


def test_a_batch_of_cancelled_requests_is_not_computed() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            other = on.run(1.0)
            await queued()
            other.cancel()
            await finish(servable, first, other)
            await on.scheduler.close()
        assert servable.rows() == [1]

    asyncio.run(scenario())


def test_a_request_past_its_deadline_is_not_computed() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            now = asyncio.get_running_loop().time()
            others = [on.run(1.0, deadline=now - 1), on.run(2.0, deadline=now + 3600)]
            await queued()
            answers = await finish(servable, first, *others)
        text = "Run() timeout exceeded while waiting in batching queue"
        assert error(StatusCode.DEADLINE_EXCEEDED, text, answers[1])
        assert values(answers[2]) == [4.0]
        assert servable.rows() == [1, 1]

    asyncio.run(scenario())


# Limits and the end.


def test_too_many_pending_requests_are_refused_until_some_are_answered() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable, max_pending_requests=3) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(2.0), on.run(3.0)]
            await queued()
            answers = await finish(servable, first, *others)
            assert values(await on.run(5.0)) == [10.0]
        text = (
            "3 requests are pending for this model, the most that --max_pending_requests=3 "
            "allows; try again later."
        )
        assert error(StatusCode.RESOURCE_EXHAUSTED, text, answers[3])
        assert [values(each) for each in answers[:3]] == [[0.0], [2.0], [4.0]]

    asyncio.run(scenario())


def test_closing_waits_for_what_was_accepted_and_refuses_the_rest() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            second = on.run(1.0)
            await queued()
            closing = asyncio.create_task(on.scheduler.close())
            await queued()
            late = await outcome(on.run(2.0))
            assert not closing.done()
            answers = await finish(servable, first, second)
            await closing
        assert isinstance(late, ServingError)
        assert late.code is StatusCode.UNAVAILABLE
        assert [values(each) for each in answers] == [[0.0], [2.0]]

    asyncio.run(scenario())


def test_closing_does_not_wait_for_company() -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable(), batch_timeout_micros=HOURS_MICROS) as on:
            task = on.run(1.0)
            await queued()
            await on.scheduler.close()
            assert values(await task) == [2.0]

    asyncio.run(scenario())


def test_closed_threads_refuse_requests() -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable()) as on:
            on.threads.close()
            answer = await outcome(on.run(1.0))
            assert error(StatusCode.UNAVAILABLE, "The server is shutting down.", answer)
            assert on.scheduler.pending == 0

    asyncio.run(scenario())


def test_callers_sizes_do_not_pile_up_queues() -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable()) as on:
            for width in range(600):
                await on.start({"x": np.zeros((1, width), np.float32)})
            assert len(on.scheduler._queues) <= 256

    asyncio.run(scenario())

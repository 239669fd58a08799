"""Requests on a real loop, computed by real threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from batching_servables import (
    POISON,
    Arrays,
    NumpyServable,
    Scheduling,
    double,
    float_signature,
    queued,
    scheduling,
    started,
    text_signature,
)

from serving.server.batching import BatchReport
from serving.wire.errors import ServingError, StatusCode

HOURS_MICROS = 3_600_000_000


async def blocked(on: Scheduling, servable: NumpyServable) -> asyncio.Task[Arrays]:
    """Holds up the only thread with a request, so that what follows has to gather."""
    servable.gate.clear()
    task = on.run(0.0)
    await started(servable)
    return task


async def finish(servable: NumpyServable, *tasks: asyncio.Task[Arrays]) -> list[Any]:
    servable.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def outcome(task: asyncio.Task[Arrays]) -> Any:
    return (await asyncio.gather(task, return_exceptions=True))[0]


def values(answer: Any, name: str = "y") -> Any:
    return answer[name].ravel().tolist() if isinstance(answer, dict) else answer


def error(code: StatusCode, message: str, answer: Any) -> bool:
    return isinstance(answer, ServingError) and (answer.code, answer.message) == (code, message)


# Merging.


def test_a_lone_request_is_computed_without_waiting_for_company() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            answer = await on.run(1.0, 2.0)
        assert values(answer) == [2.0, 4.0]
        assert values(answer, "z") == [10.0, 20.0]
        assert servable.rows() == [2]

    asyncio.run(scenario())


def test_what_comes_while_a_batch_is_computed_makes_the_next_one() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(2.0, 3.0), on.run(4.0)]
            await queued()
            assert on.scheduler.pending == 4
            answers = await finish(servable, first, *others)
            assert on.scheduler.pending == 0
        assert [values(each) for each in answers] == [[0.0], [2.0], [4.0, 6.0], [8.0]]
        assert servable.rows() == [1, 4]
        report = on.reports[1]
        assert (report.signature, report.rows, report.padded_rows) == (
            "serving_default",
            (1, 2, 1),
            0,
        )
        assert (report.requests, report.batch_size) == (3, 4)
        assert len(report.queue_time_sec) == 3
        assert min(*report.queue_time_sec, report.run_time_sec) >= 0

    asyncio.run(scenario())


def test_batches_end_at_the_largest_size_and_a_larger_request_runs_by_itself() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable, max_batch_size=3) as on:
            first = await blocked(on, servable)
            others = [on.run(*range(rows)) for rows in (2, 1, 1, 5, 1)]
            await queued()
            answers = await finish(servable, first, *others)
        assert servable.rows() == [1, 3, 1, 5, 1]
        assert values(answers[4]) == [0.0, 2.0, 4.0, 6.0, 8.0]

    asyncio.run(scenario())


def test_requests_of_other_shapes_types_and_signatures_are_computed_apart() -> None:
    async def scenario() -> None:
        servable = NumpyServable(double, float_signature(), float_signature("other"))
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            narrow, wide = np.ones((1, 1), np.float32), np.ones((1, 2), np.float32)
            others = [
                on.start({"x": narrow}),
                on.start({"x": wide}),
                on.start({"x": narrow.astype(np.float64)}),
                on.start({"x": narrow}, signature="other"),
                on.start({"x": wide}),
            ]
            await queued()
            answers = await finish(servable, first, *others)
        assert [each["y"].shape for each in answers[1:]] == [(1, 1), (1, 2), (1, 1), (1, 1), (1, 2)]
        assert [each["y"].dtype for each in answers[1:]] == [
            *(np.float32, np.float32, np.float64, np.float32, np.float32)
        ]
        assert servable.rows() == [1, 1, 2, 1, 1]

    asyncio.run(scenario())


def test_each_request_gets_the_outputs_it_asked_for() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0, outputs=["z"]), on.run(2.0), on.run(3.0, outputs=("y",))]
            await queued()
            answers = await finish(servable, first, *others)
            alone = await on.run(5.0, outputs=["z"])
        assert [sorted(each) for each in answers[1:]] == [["z"], ["y", "z"], ["y"]]
        assert sorted(alone) == ["z"]
        assert servable.rows() == [1, 3, 1]

    asyncio.run(scenario())


def test_texts_are_merged_too() -> None:
    async def scenario() -> None:
        servable = NumpyServable(lambda inputs: {"y": inputs["x"]}, text_signature())
        async with scheduling(servable) as on:
            servable.gate.clear()
            texts = [np.array(row, object) for row in ([b"a"], [b"long", b""], [b"\x00\xff"])]
            tasks = [on.start({"x": texts[0]}, signature="echo")]
            await started(servable)
            tasks += [on.start({"x": text}, signature="echo") for text in texts[1:]]
            await queued()
            answers = await finish(servable, *tasks)
        assert [each["y"].tolist() for each in answers] == [text.tolist() for text in texts]
        assert servable.rows() == [1, 3]

    asyncio.run(scenario())


# Requests that run alone.


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": np.float32(3), "w": np.float32(1)},
        {"x": np.zeros((2, 1)), "w": np.zeros((1, 1))},
        {"x": np.zeros((0, 1)), "w": np.zeros((0, 1))},
    ],
)
def test_inputs_without_common_rows_are_left_to_the_model(inputs: dict[str, Any]) -> None:
    async def scenario() -> None:
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        servable = NumpyServable(double, float_signature(inputs=("x", "w")))
        async with scheduling(servable) as on:
            tasks = [on.start(arrays), on.start(arrays)]
            for answer in await asyncio.gather(*tasks):
                np.testing.assert_array_equal(answer["y"], 2 * arrays["x"])
        assert len(servable.calls) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("shape", [None, (), (3,), (2, -1)])
def test_a_signature_without_free_rows_is_never_merged(shape: tuple[int, ...] | None) -> None:
    async def scenario() -> None:
        servable = NumpyServable(double, float_signature(shape=shape))
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(2.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert [values(each) for each in answers] == [[0.0], [2.0], [4.0]]
        assert servable.rows() == [1, 1, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "whole", [lambda x: np.float32(x.sum()), lambda x: x.sum(0), lambda x: np.concatenate([x, x])]
)
def test_outputs_without_a_row_for_each_end_the_merging(
    whole: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def function(inputs: Mapping[str, np.ndarray]) -> Arrays:
        return {"y": inputs["x"], "z": np.asarray(whole(inputs["x"]))}

    async def scenario() -> None:
        servable = NumpyServable(function)
        async with scheduling(servable) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0, 2.0), on.run(4.0)]
            await queued()
            answers = await finish(servable, first, *others)
            servable.gate.clear()
            later = [on.run(1.0), on.run(2.0)]
            await queued()
            await finish(servable, *later)
        expected = [np.array(row, np.float32).reshape(-1, 1) for row in ([0], [1, 2], [4])]
        for answer, x in zip(answers, expected, strict=True):
            np.testing.assert_array_equal(answer["z"], whole(x))
        assert servable.rows() == [1, 3, 2, 1, 1, 1]

    asyncio.run(scenario())
    assert caplog.text.count("are not merged any more") == 1


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


# With BatchingParameters.


def test_a_batch_waits_for_company_until_it_is_full() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        options: dict[str, Any] = {"max_batch_size": 3, "batch_timeout_micros": HOURS_MICROS}
        async with scheduling(servable, from_file=True, **options) as on:
            waiting = [on.run(1.0), on.run(2.0)]
            await queued()
            assert servable.calls == []
            answers = await finish(servable, *waiting, on.run(3.0))
        assert [values(each) for each in answers] == [[2.0], [4.0], [6.0]]
        assert servable.rows() == [3]

    asyncio.run(scenario())


def test_a_batch_is_computed_when_its_time_is_up() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable, from_file=True, batch_timeout_micros=20_000) as on:
            assert values(await on.run(1.0)) == [2.0]
        assert servable.rows() == [1]
        assert on.reports[0].queue_time_sec[0] >= 0.02  # later on a busy machine, never sooner

    asyncio.run(scenario())


def test_batches_are_padded_to_allowed_sizes_and_cut_again() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        options: dict[str, Any] = {"max_batch_size": 8, "allowed_batch_sizes": (2, 8)}
        async with scheduling(servable, from_file=True, **options) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0, 2.0), on.run(3.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert [values(each) for each in answers] == [[0.0], [2.0, 4.0], [6.0]]
        assert servable.rows() == [2, 8]
        assert [report.padded_rows for report in on.reports] == [1, 5]
        assert servable.calls[1][1]["x"].ravel().tolist() == [1, 2, 3, 3, 3, 3, 3, 3]

    asyncio.run(scenario())


def test_limits_are_refused_in_tensorflows_words() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        options: dict[str, Any] = {"max_batch_size": 2, "max_enqueued_batches": 1}
        async with scheduling(servable, from_file=True, **options) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(2.0, 3.0), on.run(1.0, 2.0, 3.0), on.run(4.0)]
            await queued()
            answers = await finish(servable, first, *others)
        full = (
            "The batch scheduling queue to which this task was submitted is full; currently 1 "
            "batches enqueued and max_enqueued_batches is 1"
        )
        assert error(StatusCode.UNAVAILABLE, full, answers[2])
        large = "Task size 3 is larger than maximum input batch size 2"
        assert error(StatusCode.INVALID_ARGUMENT, large, answers[3])
        assert [values(answers[at]) for at in (0, 1, 4)] == [[0.0], [2.0], [8.0]]
        assert servable.rows() == [1, 2]

    asyncio.run(scenario())


def test_unequal_shapes_are_refused_without_padding() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable, from_file=True) as on:
            first = await blocked(on, servable)
            wide = np.ones((1, 2), np.float32)
            others = [on.run(1.0), on.start({"x": wide}), on.run(2.0)]
            await queued()
            answers = await finish(servable, first, *others)
            assert (await on.start({"x": wide}))["y"].tolist() == [[2.0, 2.0]]
        assert isinstance(answers[2], ServingError)
        assert answers[2].code is StatusCode.FAILED_PRECONDITION
        assert "have different shapes and padding is turned off" in answers[2].message
        assert [values(answers[at]) for at in (1, 3)] == [[2.0], [4.0]]

    asyncio.run(scenario())


def test_unequal_shapes_are_merged_with_padding() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        async with scheduling(servable, from_file=True, pad_variable_length_inputs=True) as on:
            first = await blocked(on, servable)
            others = [on.run(3.0), on.start({"x": np.array([[1, 2]], np.float32)})]
            await queued()
            answers = await finish(servable, first, *others)
        assert answers[1]["y"].tolist() == [[6.0, 6.0]]
        assert answers[2]["y"].tolist() == [[2.0, 4.0]]
        assert servable.rows() == [1, 2]

    asyncio.run(scenario())


def test_a_large_request_is_split_over_batches() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        options: dict[str, Any] = {
            "max_batch_size": 100,
            "enable_large_batch_splitting": True,
            "max_execution_batch_size": 4,
            "max_enqueued_batches": 10,
        }
        async with scheduling(servable, from_file=True, **options) as on:
            first = await blocked(on, servable)
            others = [on.run(*range(3)), on.run(*range(7), outputs=["y"]), on.run(9.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert values(answers[1]) == [0.0, 2.0, 4.0]
        assert values(answers[2]) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
        assert list(answers[2]) == ["y"]
        assert values(answers[3]) == [18.0]
        assert servable.rows() == [1, 4, 4, 3]

    asyncio.run(scenario())


def test_what_runs_alone_is_never_split() -> None:
    async def scenario() -> None:
        servable = NumpyServable(double, float_signature(shape=(3, 1)))
        options: dict[str, Any] = {"max_batch_size": 8, "max_execution_batch_size": 2}
        async with scheduling(
            servable, from_file=True, enable_large_batch_splitting=True, **options
        ) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0, 2.0, 3.0), on.run(4.0, 5.0, 6.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert [values(each) for each in answers] == [[0.0], [2.0, 4.0, 6.0], [8.0, 10.0, 12.0]]
        assert servable.rows() == [1, 3, 3]
        assert [report.rows for report in on.reports] == [(1,), (3,), (3,)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": np.float32(1)}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"x": np.zeros((2, 1)), "w": np.zeros((1, 1))},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_inputs_without_common_rows_are_refused(inputs: dict[str, Any], message: str) -> None:
    async def scenario() -> None:
        servable = NumpyServable(double, float_signature(inputs=tuple(inputs)))
        async with scheduling(servable, from_file=True) as on:
            arrays = {name: np.asarray(value) for name, value in inputs.items()}
            answer = await outcome(on.start(arrays))
        assert error(StatusCode.INVALID_ARGUMENT, message, answer)
        assert servable.calls == []

    asyncio.run(scenario())


def test_a_split_request_fails_as_a_whole() -> None:
    async def scenario() -> None:
        options: dict[str, Any] = {"max_batch_size": 8, "max_execution_batch_size": 2}
        servable = NumpyServable()
        async with scheduling(
            servable, from_file=True, enable_large_batch_splitting=True, **options
        ) as on:
            tasks = [on.run(1.0, 2.0, 3.0, POISON, 5.0), on.run(6.0)]
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert error(StatusCode.INVALID_ARGUMENT, "poisoned", answers[0])
        assert values(answers[1]) == [12.0]

    asyncio.run(scenario())


def test_a_split_request_whose_outputs_cannot_be_joined_is_computed_whole() -> None:
    async def scenario() -> None:
        servable = NumpyServable(lambda inputs: {"y": inputs["x"].sum(0)}, float_signature())
        options: dict[str, Any] = {"max_batch_size": 8, "max_execution_batch_size": 2}
        async with scheduling(
            servable, from_file=True, enable_large_batch_splitting=True, **options
        ) as on:
            first = await blocked(on, servable)
            others = [on.run(1.0), on.run(2.0, 3.0, 4.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert values(answers[2]) == [9.0]

    asyncio.run(scenario())


def test_a_split_request_whose_parts_were_padded_apart_is_computed_whole() -> None:
    async def scenario() -> None:
        servable = NumpyServable()
        options: dict[str, Any] = {"max_batch_size": 8, "max_execution_batch_size": 2}
        async with scheduling(
            servable,
            from_file=True,
            enable_large_batch_splitting=True,
            pad_variable_length_inputs=True,
            **options,
        ) as on:
            first = await blocked(on, servable)
            others = [on.start({"x": np.ones((1, 3), np.float32)}), on.run(2.0, 3.0)]
            await queued()
            answers = await finish(servable, first, *others)
        assert answers[2]["y"].tolist() == [[4.0], [6.0]]
        assert servable.rows() == [1, 2, 1, 2]

    asyncio.run(scenario())


def test_a_request_that_needs_no_batch_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable()) as on:
            await on.run(1.0)

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert not [record for record in caplog.records if record.name.startswith("serving")]

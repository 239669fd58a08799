"""What a file of BatchingParameters asks for: waiting, padding, limits and splitting."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from batching_servables import (
    HOURS_MICROS,
    POISON,
    NumpyServable,
    blocked,
    double,
    error,
    finish,
    float_signature,
    outcome,
    queued,
    scheduling,
    values,
)

from serving.wire.errors import ServingError, StatusCode


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

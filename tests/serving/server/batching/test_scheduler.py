"""Requests that are merged or run alone, on a real loop and computed by real threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from batching_servables import (
    Arrays,
    NumpyServable,
    blocked,
    double,
    finish,
    float_signature,
    queued,
    scheduling,
    started,
    text_signature,
    values,
)

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


def test_a_request_that_needs_no_batch_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with scheduling(NumpyServable()) as on:
            await on.run(1.0)

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert not [record for record in caplog.records if record.name.startswith("serving")]

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pytest
from batching_servables import Arrays, NumpyServable, double
from google.protobuf import text_format

from serving.server import tune
from serving.server.batching import BatchingOptions
from serving.server.tune import Measurement
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import BatchingParameters


def figures(batch_size: int, examples_per_sec: float, p99_ms: float = 1.0) -> Measurement:
    return Measurement(batch_size, 10, examples_per_sec, p99_ms / 2, p99_ms)


def ticks(*steps: float) -> itertools.accumulate[float]:
    return itertools.accumulate(itertools.chain([0.0], itertools.cycle(steps)))


def test_each_size_is_computed_for_so_many_calls() -> None:
    servable, clock = NumpyServable(), ticks(0.25)
    examples = {"x": np.array([[1], [2], [3]], np.float32)}

    measured = tune.measure(
        servable,
        "serving_default",
        examples,
        batch_sizes=[2, 4],
        seconds_per_size=0.0,
        min_calls=5,
        clock=lambda: next(clock),
    )

    assert measured == [
        Measurement(2, 5, examples_per_sec=8.0, p50_ms=250.0, p99_ms=250.0),
        Measurement(4, 5, examples_per_sec=16.0, p50_ms=250.0, p99_ms=250.0),
    ]
    # Three calls of each size come before those that count.
    assert servable.rows() == [2] * 8 + [4] * 8
    assert servable.calls[-1][1]["x"].ravel().tolist() == [1, 2, 3, 1]


def test_each_size_is_computed_for_so_many_seconds() -> None:
    clock = ticks(0.25)
    [measured] = tune.measure(
        NumpyServable(),
        "serving_default",
        {"x": np.ones((1, 1), np.float32)},
        batch_sizes=[1],
        seconds_per_size=2.0,
        min_calls=1,
        clock=lambda: next(clock),
    )
    assert measured.calls == 8


def test_the_real_clock_gives_figures() -> None:
    measured = tune.measure(
        NumpyServable(),
        "serving_default",
        {"x": np.ones((1, 1), np.float32)},
        batch_sizes=[1, 8],
        seconds_per_size=0.01,
    )
    assert [each.batch_size for each in measured] == [1, 8]
    assert all(each.calls >= 20 and each.examples_per_sec > 0 for each in measured)
    assert all(0 <= each.p50_ms <= each.p99_ms for each in measured)


def short_of_memory(inputs: Mapping[str, np.ndarray]) -> Arrays:
    if len(inputs["x"]) > 4:
        raise ServingError(StatusCode.RESOURCE_EXHAUSTED, "OOM")
    return double(inputs)


def test_a_size_too_large_for_the_device_ends_the_measuring() -> None:
    measured = tune.measure(
        NumpyServable(short_of_memory),
        "serving_default",
        {"x": np.ones((1, 1), np.float32)},
        batch_sizes=[4, 8, 16],
        seconds_per_size=0.0,
    )
    assert [each.batch_size for each in measured] == [4]


def test_a_model_that_fails_at_once_is_an_error() -> None:
    with pytest.raises(ServingError, match="OOM"):
        tune.measure(
            NumpyServable(short_of_memory),
            "serving_default",
            {"x": np.ones((1, 1), np.float32)},
            batch_sizes=[8],
        )


@pytest.mark.parametrize("x", [np.zeros((0, 2)), np.float32(1)])
def test_examples_without_rows_are_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Input x has no rows to measure with"):
        tune.measure(NumpyServable(), "serving_default", {"x": np.asarray(x)})


def test_percentiles_are_nearest_ranks() -> None:
    # Of 200 sorted values the 100th and the 198th.
    measured = tune.summarize(10, [at / 1000 for at in range(200, 0, -1)])
    assert (measured.p50_ms, measured.p99_ms) == (100.0, 198.0)
    assert math.isclose(measured.examples_per_sec, 2000 / 20.1)  # 1 + ... + 200 ms are 20.1 s
    assert tune.summarize(1, [0.0]).examples_per_sec == math.inf


def test_the_smallest_batch_nearly_as_fast_as_the_fastest_is_recommended() -> None:
    measured = [figures(1, 100), figures(8, 949), figures(32, 950), figures(128, 1000)]

    recommended = tune.recommend(measured, within=0.05)

    assert recommended.batch_size == 32
    assert recommended.reason == (
        "32 rows: the smallest batch within 5% of the fastest (128 rows, 1000 examples/s)."
    )


def test_the_fastest_is_recommended_where_nothing_comes_near() -> None:
    recommended = tune.recommend([figures(1, 100), figures(8, 1000), figures(32, 400)])
    assert recommended.batch_size == 8
    assert "the fastest, and no smaller batch comes within 5% of its 1000" in recommended.reason


def test_slow_calls_may_be_ruled_out() -> None:
    measured = [figures(1, 100, 2.0), figures(8, 500, 9.0), figures(32, 1000, 30.0)]
    recommended = tune.recommend(measured, max_p99_ms=10)
    assert recommended.batch_size == 8
    assert "among those that take at most 10 ms (p99)" in recommended.reason
    with pytest.raises(ValueError, match=r"the quickest of 3 measured takes 2\.00 ms"):
        tune.recommend(measured, max_p99_ms=1)


def test_nothing_measured_is_nothing_to_recommend() -> None:
    with pytest.raises(ValueError, match="No batch size to recommend"):
        tune.recommend([])


def test_the_file_says_what_was_measured_and_can_be_served() -> None:
    measured = [figures(1, 100), figures(64, 2000), figures(256, 2010)]
    text = tune.render(
        measured, tune.recommend(measured), title="taxi, serving_default\non CPU", batch_threads=2
    )

    assert text.splitlines()[:10] == [
        "# taxi, serving_default",
        "# on CPU",
        "#",
        "# batch size   examples/s    p50 ms    p99 ms",
        "#          1          100      0.50      1.00",
        "#         64         2000      0.50      1.00",
        "#        256         2010      0.50      1.00",
        "#",
        "# 64 rows: the smallest batch within 5% of the fastest (256 rows, 2010 examples/s).",
        "",
    ]
    message = text_format.Parse(text, BatchingParameters())
    assert BatchingOptions.from_message(message, cpus=8) == BatchingOptions(
        max_batch_size=256,
        batch_timeout_micros=0,
        max_enqueued_batches=100,
        num_batch_threads=2,
        enable_large_batch_splitting=True,
        max_execution_batch_size=64,
        from_file=True,
    )

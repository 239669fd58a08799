import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.metric import Metric, MetricKind, Moments

VALUES = st.lists(st.floats(-1e6, 1e6))


def moments(values: list[float]) -> Moments:
    found = Moments()
    for value in values:
        found = found.with_value(value)
    return found


def test_moments_are_those_of_numpy() -> None:
    values = [1.0, 4.0, -2.5, 1e3, 0.25]

    found = moments(values)

    assert found.count == 5
    assert found.mean == pytest.approx(np.mean(values))
    assert found.variance == pytest.approx(np.var(values, ddof=1))
    assert Moments().variance == moments([3.0]).variance == 0


@given(VALUES, VALUES)
def test_merging_is_adding_together(first: list[float], second: list[float]) -> None:
    merged, together = moments(first).merged(moments(second)), moments(first + second)

    assert merged.count == together.count
    assert merged.mean == pytest.approx(together.mean, abs=1e-6)
    assert merged.squares == pytest.approx(together.squares, rel=1e-6, abs=1e-3)
    assert Moments.from_json(merged.to_json(), "here") == merged


@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=300))
def test_a_proportion_is_counted_exactly(values: list[float]) -> None:
    assert moments(values).as_count("correct") == Count(int(sum(values)), len(values))


def test_a_proportion_refuses_other_values() -> None:
    with pytest.raises(RolloutError, match="metric correct: expected values 0 and 1"):
        moments([0.5] * 10).as_count("correct")


def test_a_metric_is_read_as_it_is_written() -> None:
    metric = Metric(name="loss", kind=MetricKind.MEAN, higher_is_better=False, smallest_effect=0.1)

    assert Metric.from_json(metric.to_json(), "here") == metric
    assert Metric.from_json({"name": "correct"}, "here") == Metric(name="correct")


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "a", "smallest_effect": 0}, {"name": "a", "kind": "ratio"}]
)
def test_impossible_metrics_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RolloutError):
        Metric.from_json(fields, "here")


@pytest.mark.parametrize("numbers", [(-1, 0.0, 0.0), (1, float("nan"), 0.0), (1, 0.0, -1.0)])
def test_impossible_moments_are_refused(numbers: tuple[int, float, float]) -> None:
    with pytest.raises(RolloutError, match="expected finite numbers"):
        Moments(*numbers)

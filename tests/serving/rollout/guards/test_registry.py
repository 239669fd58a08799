import math

import pytest

from serving.rollout import guards
from serving.rollout.errors import RolloutError
from serving.rollout.guards import (
    ErrorRate,
    LiveMetric,
    P99Latency,
    PairedMetric,
    PredictionDrift,
    Terms,
)
from serving.rollout.guards.registry import lacking, register
from serving.rollout.metric import Metric, MetricKind
from serving.rollout.snapshot import ArmStats

ALL = (
    ErrorRate(),
    P99Latency(),
    PredictionDrift(),
    LiveMetric(metric=Metric(name="correct"), max_drop=0.1, proven=True),
    PairedMetric(metric=Metric(name="loss", kind=MetricKind.MEAN), max_drop=0.1, proven=True),
)


def test_all_names_what_is_there() -> None:
    assert sorted(guards.__all__) == guards.__all__
    assert all(hasattr(guards, name) for name in guards.__all__)


def test_every_guard_is_registered_under_its_name() -> None:
    assert sorted(guards.name_of(bounds) for bounds in ALL) == list(guards.names())
    assert set(guards.names()) < set(guards.__all__)


@pytest.mark.parametrize("bounds", ALL, ids=guards.name_of)
def test_every_guard_reads_what_it_writes(bounds: guards.Bounds) -> None:
    assert guards.read(guards.name_of(bounds), bounds.to_json(), "here") == bounds


@pytest.mark.parametrize("bounds", ALL, ids=guards.name_of)
def test_no_guard_holds_or_is_broken_without_requests(bounds: guards.Bounds) -> None:
    terms = Terms(alpha=0.01, min_requests=10)

    (finding,) = guards.judge([bounds], ArmStats(), ArmStats(), terms)

    assert finding.status is guards.Status.NOT_ENOUGH
    assert finding.guard == guards.name_of(bounds)
    assert finding.because


def test_guards_that_only_compare_are_left_out_while_nothing_is_compared() -> None:
    terms = Terms(alpha=0.01, min_requests=10, compared=False)
    metric = Metric(name="correct")
    bound = (ErrorRate(max_rate=0.1), P99Latency(max_sec=1.0), LiveMetric(metric=metric, bound=0.5))

    assert guards.judge(ALL[:4], ArmStats(), ArmStats(), terms) == ()
    asked = guards.judge([*ALL, *bound], ArmStats(), ArmStats(), terms)
    assert [finding.guard for finding in asked] == [
        "paired_metric",
        "error_rate",
        "p99_latency",
        "live_metric",
    ]


def test_unknown_guards_are_refused() -> None:
    with pytest.raises(RolloutError, match=r"expected one of error_rate, .*received 'luck'"):
        guards.read("luck", {}, "here")
    with pytest.raises(RolloutError, match="expected the bounds of a guard"):
        guards.name_of(object())  # type: ignore[arg-type]


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="there is a guard error_rate already"):
        register("error_rate", ErrorRate, lambda *_: ErrorRate())(guards.error_rate)


@pytest.mark.parametrize(
    ("candidate", "stable", "compared", "expected"),
    [
        (9, 99, True, "9 of 10 rows of the candidate"),
        (10, 9, True, "9 of 10 rows of the stable version"),
        (10, 9, False, ""),
        (10, 10, True, ""),
    ],
)
def test_what_is_lacking_is_said(
    candidate: int, stable: int, compared: bool, expected: str
) -> None:
    terms = Terms(alpha=0.01, min_requests=10, compared=compared)

    assert lacking(candidate, stable, terms, "rows", 10) == expected


def test_the_limit_is_the_logarithm_of_what_chance_reaches() -> None:
    assert Terms(alpha=0.01, min_requests=1).limit == pytest.approx(math.log(100))

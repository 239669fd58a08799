import dataclasses
import json
from typing import Any

import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.guards import ErrorRate, LiveMetric, P99Latency, PairedMetric, PredictionDrift
from serving.rollout.histogram import LinearScale
from serving.rollout.metric import Metric, MetricKind
from serving.rollout.plan import CANARY_STEPS, Experiment, OnSuccess, Plan, Strategy
from serving.rollout.sticky_key import StickyKey

BARE = {
    "format": 1,
    "id": "flights-12",
    "model": "flights",
    "stable_version": 11,
    "candidate_version": 12,
    "strategy": "canary",
}
METRIC = Metric(name="correct")
FULL = Plan(
    id="flights-12",
    model="flights",
    stable_version=11,
    candidate_version=12,
    strategy=Strategy.AB_TEST,
    steps=(0.5,),
    key=StickyKey.parse("field:customer"),
    guards=(
        ErrorRate(margin=0.005, max_rate=0.05),
        P99Latency(max_ratio=2.0, max_sec=0.1),
        PredictionDrift(max_shift=0.1),
        LiveMetric(metric=METRIC, max_drop=0.02, bound=0.5, min_labels=200, proven=True),
        PairedMetric(metric=Metric(name="loss", kind=MetricKind.MEAN), max_drop=0.1),
    ),
    min_requests=500,
    min_step_sec=600.0,
    max_step_sec=86400.0,
    false_alarm_rate=0.02,
    predictions=LinearScale(low=-5.0, high=5.0, inner=20),
    on_success=OnSuccess.REPORT,
    experiment=Experiment(metric=METRIC, alpha=0.01, max_sec=1000.0),
    salt="dealt",
)


def read(**changes: object) -> Plan:
    return Plan.from_json(json.dumps(BARE | changes))


def test_a_plan_is_read_as_it_is_written() -> None:
    assert Plan.from_json(FULL.to_json()) == FULL


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        ("canary", [0.1, 1.0]),
        ("shadow", [0.5]),
        ("shadow", [1.0]),
        ("blue_green", []),
        ("direct", []),
    ],
)
def test_every_strategy_is_read_as_it_is_written(strategy: str, steps: list[float]) -> None:
    plan = read(strategy=strategy, steps=steps)

    assert Plan.from_json(plan.to_json()) == plan


def test_what_a_plan_leaves_out_is_usual() -> None:
    plan = read()

    assert plan.steps == CANARY_STEPS == (0.01, 0.05, 0.25, 1.0)
    assert str(plan.key) == "request_id"
    assert plan.dealt_by == "flights-12"
    assert read(guards=[{"guard": "error_rate"}]).guards == (ErrorRate(),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "expected format 1, received 2. Another release"),
        ({"extra": 1}, "received the unknown extra"),
        ({"id": ""}, "plan: id must be letters"),
        ({"id": "a b"}, "plan: id must be letters"),
        ({"id": "../x"}, "plan: id must be letters"),
        ({"id": 3}, "id must be a string"),
        ({"salt": "a\0b"}, "plan: salt must be letters"),
        ({"stable_version": -1}, "stable_version must be a whole number of at least 0"),
        ({"candidate_version": 11}, "stable and candidate version are both 11"),
        ({"candidate_version": "12"}, "candidate_version must be a whole number"),
        ({"strategy": "rolling"}, "strategy must be one of canary, shadow, blue_green, ab_test"),
        ({"steps": [0.05, 0.01, 1.0]}, "each step must be larger than the one before"),
        ({"steps": [0.01, 0.5]}, "the steps of canary must be shares that end at 1"),
        ({"steps": []}, "the steps of canary must be shares that end at 1"),
        ({"steps": [0.0, 1.0]}, r"steps must be in \(0, 1\]"),
        ({"steps": [0.5, 1.5]}, r"steps must be in \(0, 1\]"),
        ({"steps": ["1%", 1]}, "share must be a number, received '1%'"),
        ({"strategy": "shadow", "steps": [0.1, 1.0]}, "the steps of shadow must be one share"),
        ({"strategy": "shadow"}, "the steps of shadow must be one share"),
        ({"strategy": "direct", "steps": [1.0]}, "the steps of direct must be none"),
        ({"strategy": "blue_green", "steps": [1.0]}, "the steps of blue_green must be none"),
        ({"strategy": "ab_test", "steps": [0.5]}, "an experiment belongs to ab_test"),
        (
            {"strategy": "ab_test", "steps": [1.0], "experiment": {"metric": {"name": "m"}}},
            "the steps of ab_test must be one share below 1",
        ),
        ({"experiment": {"metric": {"name": "m"}}}, "an experiment belongs to ab_test"),
        (
            {
                "strategy": "ab_test",
                "steps": [0.5],
                "experiment": {"metric": {"name": "m"}, "alpha": 1},
            },
            r"experiment: expected alpha in \(0, 1\)",
        ),
        ({"on_success": "report"}, "canary is meant to promote"),
        ({"key": "cookie:x"}, "expected request_id, header:NAME"),
        ({"min_requests": 0}, "min_requests must be a whole number of at least 1"),
        ({"min_step_sec": -1}, "min_step_sec must be a number of at least 0"),
        ({"min_step_sec": 60, "max_step_sec": 60}, "max_step_sec must be above min_step_sec"),
        ({"false_alarm_rate": 0}, r"false_alarm_rate must be in \(0, 1\)"),
        ({"predictions": {"low": 1, "high": 0}}, "expected low < high"),
        ({"guards": [{"guard": "luck"}]}, "plan, guard 1 .*one of error_rate, live_metric, p99"),
        ({"guards": [{}]}, "plan, guard 1"),
        ({"guards": [3]}, "plan, guard 1: expected an object"),
        ({"guards": [{"guard": "error_rate", "max": 1}]}, "unknown max"),
        ({"guards": [{"guard": "error_rate", "max_rate": 1.5}]}, r"max_rate in \(0, 1\)"),
        ({"guards": [{"guard": "error_rate", "margin": -0.1}]}, r"margin in \[0, 1\)"),
        ({"guards": [{"guard": "p99_latency", "max_ratio": 0.5}]}, "max_ratio of at least 1"),
        ({"guards": [{"guard": "prediction_drift", "max_shift": 1}]}, r"max_shift in \[0, 1\)"),
        ({"guards": [{"guard": "live_metric"}]}, "metric is missing"),
        (
            {"guards": [{"guard": "live_metric", "metric": {"name": "m"}, "min_labels": 9}]},
            "min_labels of at least 100",
        ),
        (
            {"guards": [{"guard": "live_metric", "metric": {"name": "m"}, "bound": 2}]},
            "m is a proportion",
        ),
        ({"guards": [{"guard": "error_rate"}] * 2}, "a guard stands there twice"),
        ({"strategy": "direct", "steps": [], "guards": [{"guard": "error_rate"}]}, "Take canary"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RolloutError, match=message):
        read(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stable_version": -1}, "expected versions of at least 0"),
        ({"min_requests": 0}, "min_requests must be at least 1, received 0"),
        ({"min_step_sec": float("nan")}, "min_step_sec must be at least 0, received nan"),
    ],
)
def test_a_plan_made_in_code_is_checked_as_one_that_is_read(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RolloutError, match=message):
        dataclasses.replace(FULL, **changes)


@pytest.mark.parametrize("field", sorted(BARE))
def test_a_field_that_is_missing_is_named(field: str) -> None:
    document = {name: value for name, value in BARE.items() if name != field}

    with pytest.raises(RolloutError, match=f"plan: {field} is missing"):
        Plan.from_json(json.dumps(document))


def test_the_example_of_the_module_is_a_plan() -> None:
    import serving.rollout.plan as module

    text = module.__doc__ or ""
    example = text[text.index("{") : text.rindex("}") + 1]

    plan = Plan.from_json(example)

    assert plan.guards == (ErrorRate(margin=0.005, max_rate=0.05),)
    assert plan.min_step_sec == 600


def test_false_alarms_are_shared_among_guards_and_steps() -> None:
    two = (ErrorRate(), PredictionDrift())
    plan = dataclasses.replace(read(), guards=two, false_alarm_rate=0.08)

    assert plan.alpha == pytest.approx(0.08 / (2 * 4))
    assert read().alpha == pytest.approx(0.01 / 1)


@pytest.mark.parametrize(
    ("changes", "compared"),
    [
        ({}, [True, True, True, False]),
        ({"strategy": "shadow", "steps": [1.0]}, [True]),
        ({"strategy": "blue_green", "steps": []}, [False]),
    ],
)
def test_the_stable_version_is_compared_while_it_is_asked(
    changes: dict[str, object], compared: list[bool]
) -> None:
    plan = read(**changes)

    assert [plan.compared(step) for step in range(len(plan.shares))] == compared

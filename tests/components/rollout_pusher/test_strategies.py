"""Plain settings and the plans that they mean."""

from __future__ import annotations

from typing import Any

import pytest

from components.rollout_pusher import strategies
from serving.rollout.errors import RolloutError
from serving.rollout.guards import ErrorRate, LiveMetric, P99Latency, PairedMetric, PredictionDrift
from serving.rollout.metric import Metric, MetricKind
from serving.rollout.plan import CANARY_STEPS, Plan, Strategy
from serving.rollout.sticky_key import Kind, StickyKey


def plan(**settings: Any) -> Plan:
    return strategies.plan(settings, rollout_id="flights-2", model="flights", stable=1, candidate=2)


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        ("direct", ()),
        ("canary", CANARY_STEPS),
        ("shadow", (1.0,)),
        ("blue_green", ()),
        ("ab_test", (0.5,)),
    ],
)
def test_every_strategy_has_its_usual_steps(strategy: str, steps: tuple[float, ...]) -> None:
    found = plan(strategy=strategy, guards=["error_rate"])
    assert (found.strategy, found.steps) == (Strategy(strategy), steps)
    assert bool(found.guards) == (strategy != "direct")
    assert Plan.from_json(found.to_json()) == found


def test_settings_reach_the_plan() -> None:
    found = plan(
        strategy="canary",
        steps=[0.2, 1.0],
        key="field:flight_id",
        min_requests=300,
        min_step_sec=60.0,
        max_step_sec=0.0,
        false_alarm_rate=0.05,
    )
    assert (found.steps, found.key) == ((0.2, 1.0), StickyKey(Kind.FIELD, "flight_id"))
    assert (found.min_requests, found.min_step_sec, found.max_step_sec) == (300, 60.0, None)
    assert found.false_alarm_rate == 0.05
    assert plan(strategy="shadow", max_step_sec=90.0, on_success="report").max_step_sec == 90.0


LOG_LOSS = Metric(name="log_loss", kind=MetricKind.MEAN, higher_is_better=False)
PAIRED = Metric(name="paired_log_loss", kind=MetricKind.MEAN, higher_is_better=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error_rate", ErrorRate()),
        ("error_rate margin=0.01 max_rate=0.05", ErrorRate(margin=0.01, max_rate=0.05)),
        ("p99_latency max_ratio=2", P99Latency(max_ratio=2.0)),
        ("prediction_drift  max_shift=0.3", PredictionDrift(max_shift=0.3)),
        (
            "live_metric metric=log_loss max_drop=0.02 min_labels=200",
            LiveMetric(metric=LOG_LOSS, max_drop=0.02, min_labels=200),
        ),
        (
            "live_metric metric=accuracy bound=0.7 smallest_effect=0.05",
            LiveMetric(metric=Metric(name="accuracy", smallest_effect=0.05), bound=0.7),
        ),
        (
            "paired_metric metric=paired_log_loss max_drop=0.01 proven=true",
            PairedMetric(metric=PAIRED, max_drop=0.01, proven=True),
        ),
    ],
)
def test_guards_are_written_as_names_and_bounds(text: str, expected: Any) -> None:
    assert strategies.read_guards([text]) == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one of error_rate, live_metric"),
        ("eror_rate", "expected one of error_rate, live_metric"),
        ("error_rate margin", "expected NAME key=value"),
        ("error_rate margin=0.1 margin=0.2", "each key once"),
        ("error_rate shift=0.1", "unknown shift"),
        ("error_rate margin=much", "margin must be a number"),
        ("prediction_drift max_shift=2", r"max_shift in \[0, 1\)"),
        ("live_metric max_drop=0.1", "metric is missing"),
        ("live_metric metric=auc", "expected a metric out of accuracy, brier, log_loss"),
    ],
)
def test_a_guard_that_cannot_be_meant_is_named(text: str, message: str) -> None:
    with pytest.raises(RolloutError, match=message):
        strategies.read_guards([text])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "canary", "steps": [0.1]}, "shares that end at 1"),
        ({"strategy": "direct", "steps": [0.1]}, "must be none"),
        ({"strategy": "canary", "on_success": "report"}, "belongs to shadow and ab_test"),
        ({"strategy": "canary", "key": "cookie"}, "expected request_id, header:NAME"),
        (
            {"strategy": "canary", "guards": ["paired_metric metric=paired_brier"]},
            "paired_metric needs strategy shadow",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(RolloutError, match=message):
        plan(**settings)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy"])
def test_an_ab_test_compares_a_metric_by_label(metric: str) -> None:
    experiment = plan(strategy="ab_test", metric=metric).experiment
    assert experiment is not None
    assert experiment.metric.name == metric
    assert experiment.metric.higher_is_better == (metric == "accuracy")

"""What a configured rollout means: plain settings become the plan that servers carry out.

    {"strategy": "canary", "guards": ["error_rate", "prediction_drift max_shift=0.3"]}

A guard is written as its name and its bounds, `NAME key=value …`, values as in JSON. A metric is
written by its name, and what is known of it is added here:

    log_loss, brier                 mean of labelled rows, lower is better
    accuracy                        share of labelled rows that were right, higher is better
    paired_log_loss, paired_brier   of a shadow: differences on one request, lower is better
    prediction_distance             of a shadow: distance of both predictions, lower is better

What the plan's fields do is told in `serving.rollout.plan`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from serving.rollout import guards
from serving.rollout.errors import RolloutError
from serving.rollout.guards import Bounds, PairedMetric
from serving.rollout.metric import Metric, MetricKind
from serving.rollout.plan import CANARY_STEPS, Experiment, OnSuccess, Plan, Strategy
from serving.rollout.sticky_key import StickyKey

_SMALLEST_EFFECT = "smallest_effect"
_USUAL_STEPS: Mapping[Strategy, tuple[float, ...]] = {
    Strategy.CANARY: CANARY_STEPS,
    Strategy.SHADOW: (1.0,),
    Strategy.AB_TEST: (0.5,),
}
_MEANS = ("log_loss", "brier", "paired_log_loss", "paired_brier", "prediction_distance")
_METRICS: Mapping[str, Mapping[str, Any]] = {
    "accuracy": {"kind": MetricKind.PROPORTION.value, "higher_is_better": True},
    **{name: {"kind": MetricKind.MEAN.value, "higher_is_better": False} for name in _MEANS},
}


def plan(
    settings: Mapping[str, Any], *, rollout_id: str, model: str, stable: int, candidate: int
) -> Plan:
    """Returns the plan of a rollout.

    Args:
        settings: `strategy`, `steps`, `key`, `guards`, `min_requests`, `min_step_sec`,
            `max_step_sec`, `false_alarm_rate`, `on_success` and `metric`; what is missing is as
            usual. Empty steps are the strategy's usual ones, and a `max_step_sec` of 0 is none.
        rollout_id: Names it.
        model: The model's name.
        stable: Which version serves.
        candidate: Which is tried.

    Raises:
        RolloutError: A setting cannot be meant, or does not go with the strategy.
    """
    strategy = Strategy(settings.get("strategy", "direct"))
    bounds = () if strategy is Strategy.DIRECT else read_guards(settings.get("guards", ()))
    if strategy is not Strategy.SHADOW and any(isinstance(one, PairedMetric) for one in bounds):
        raise RolloutError(
            f"guards: paired_metric needs strategy shadow, where both versions see one request; "
            f"received {strategy.value}. Take live_metric."
        )
    steps = tuple(settings.get("steps", ()))
    return Plan(
        id=rollout_id,
        model=model,
        stable_version=stable,
        candidate_version=candidate,
        strategy=strategy,
        steps=steps or _USUAL_STEPS.get(strategy, ()),
        key=StickyKey.parse(settings.get("key", "request_id")),
        guards=bounds,
        min_requests=settings.get("min_requests", Plan.min_requests),
        min_step_sec=settings.get("min_step_sec", Plan.min_step_sec),
        max_step_sec=settings.get("max_step_sec") or None,
        false_alarm_rate=settings.get("false_alarm_rate", Plan.false_alarm_rate),
        on_success=OnSuccess(settings.get("on_success", "promote")),
        experiment=_experiment(settings) if strategy is Strategy.AB_TEST else None,
    )


def read_guards(texts: Sequence[str]) -> tuple[Bounds, ...]:
    """Returns the bounds that texts such as `error_rate max_rate=0.05` stand for.

    Raises:
        RolloutError: There is no such guard, or a bound is missing, unknown or not valid.
    """
    return tuple(_guard(text) for text in texts)


def _guard(text: str) -> Bounds:
    where = f"guard {text!r}"
    name, *pairs = text.split() or [""]
    fields: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value or key in fields:
            raise RolloutError(f"{where}: expected NAME key=value …, each key once.")
        fields[key] = _value(value)
    if "metric" in fields:
        fields["metric"] = _metric_fields(str(fields["metric"]), fields, where)
    return guards.read(name, fields, where)


def _metric_fields(name: str, fields: dict[str, Any], where: str) -> dict[str, Any]:
    if name not in _METRICS:
        raise RolloutError(
            f"{where}: expected a metric out of {', '.join(sorted(_METRICS))}, received {name!r}."
        )
    effect = {}
    if _SMALLEST_EFFECT in fields:
        effect[_SMALLEST_EFFECT] = fields.pop(_SMALLEST_EFFECT)
    return {"name": name, **_METRICS[name], **effect}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _experiment(settings: Mapping[str, Any]) -> Experiment:
    name = settings.get("metric", "log_loss")
    metric = _metric_fields(name, {}, "metric")
    return Experiment(metric=Metric.from_json(metric, "metric"))

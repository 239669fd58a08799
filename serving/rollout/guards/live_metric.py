"""Is the candidate worse where labels have come?

Two questions, each with half of the guard's alpha: is the candidate's metric worse than the stable
version's by more than `max_drop`, and is it worse than a bound of its own. For proportions both are
exact; for means they rest on the normal mixture of `sequential`, and need `sequential.FEWEST`
values in each arm.

The guard holds as long as nothing speaks against it, so with few labels it holds for models that
are somewhat worse as well. With `proven` it holds only when the data say that the candidate is not
worse by `max_drop`, wrongly with a chance of at most alpha, and has not enough until then.

Where labels come slowly this guard has not enough for long, and the step waits for it.
"""

from __future__ import annotations

import dataclasses
import math

from serving.rollout import evidence, sequential
from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.guards.registry import Finding, Status, Terms, lacking, register
from serving.rollout.json_fields import Fields
from serving.rollout.metric import Metric, MetricKind, Moments
from serving.rollout.snapshot import ArmStats

_NAME = "live_metric"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveMetric:
    """Bounds of a metric of labelled predictions.

    Attributes:
        metric: Which, and which way is good.
        max_drop: By how much it may be worse than the stable version's, at least 0.
        bound: The worst that it may be in any case; None for no such bound.
        min_labels: Fewer in an arm are not enough.
        proven: Whether it holds only when a drop of `max_drop`, then above 0, is refuted.

    Raises:
        RolloutError: A bound is out of its range.
    """

    metric: Metric
    max_drop: float = 0.0
    bound: float | None = None
    min_labels: int = 500
    proven: bool = False

    def __post_init__(self) -> None:
        if self.max_drop < 0 or self.min_labels < sequential.FEWEST:
            raise RolloutError(
                f"{_NAME}: expected max_drop of at least 0 and min_labels of at least "
                f"{sequential.FEWEST}, received {self.max_drop:g} and {self.min_labels}."
            )
        if self.proven and self.max_drop == 0:
            raise RolloutError(
                f"{_NAME}: proven needs a max_drop above 0, as no data can say of two versions "
                "that they are equal."
            )
        proportion = self.metric.kind is MetricKind.PROPORTION
        if proportion and (self.max_drop >= 1 or not 0 <= (self.bound or 0) <= 1):
            raise RolloutError(
                f"{_NAME}: {self.metric.name} is a proportion, so max_drop must be below 1 and "
                f"bound in [0, 1], received {self.max_drop:g} and {self.bound}."
            )

    @property
    def absolute(self) -> bool:
        """Whether something is bound without a stable version to compare with."""
        return self.bound is not None

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return {
            "metric": self.metric.to_json(),
            "max_drop": self.max_drop,
            "bound": self.bound,
            "min_labels": self.min_labels,
            "proven": self.proven,
        }


def _read(found: object, where: str) -> LiveMetric:
    fields = Fields(found, where)
    bounds = LiveMetric(
        metric=Metric.from_json(fields.take("metric"), f"{where}, metric"),
        max_drop=fields.number("max_drop", 0.0),
        bound=fields.number_or_none("bound"),
        min_labels=fields.whole("min_labels", 500),
        proven=fields.truth("proven", False),
    )
    fields.done()
    return bounds


@register(_NAME, LiveMetric, _read)
def live_metric(bounds: LiveMetric, candidate: ArmStats, stable: ArmStats, terms: Terms) -> Finding:
    """Compares the metric."""
    metric, limit = bounds.metric, terms.limit + math.log(2)
    ours = candidate.metrics.get(metric.name, Moments())
    theirs = stable.metrics.get(metric.name, Moments())
    numbers = (
        f"{metric.name} is {ours.mean:.4g} over {ours.count} labelled of the candidate, "
        f"{theirs.mean:.4g} over {theirs.count} of the stable version"
    )
    if bounds.bound is not None and _beyond_bound(ours, bounds.bound, metric) >= limit:
        because = f"{numbers}; the candidate's is worse than the bound {bounds.bound:g}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    if terms.compared and _dropped(ours, theirs, bounds) >= limit:
        because = f"{numbers}; the candidate's is worse by more than {bounds.max_drop:g}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    missing = lacking(ours.count, theirs.count, terms, "labels", bounds.min_labels)
    if missing:
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=missing)
    if terms.compared and bounds.proven and _kept_up(ours, theirs, bounds) < limit:
        because = f"{numbers}; a drop of {bounds.max_drop:g} is not refuted yet"
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=because)
    return Finding(guard=_NAME, status=Status.HOLDS, because=numbers)


def _dropped(ours: Moments, theirs: Moments, bounds: LiveMetric) -> float:
    """Returns log E against "the candidate is worse by at most `max_drop`"."""
    metric = bounds.metric
    if metric.kind is MetricKind.PROPORTION:
        return evidence.exceeds(_bad(ours, metric), _bad(theirs, metric), bounds.max_drop)
    variance = sequential.variance_of_difference(ours, theirs)
    beyond = _drop(ours.mean, theirs.mean, metric) - bounds.max_drop
    return sequential.mean_above(beyond, variance, metric.smallest_effect)


def _kept_up(ours: Moments, theirs: Moments, bounds: LiveMetric) -> float:
    """Returns log E against "the candidate is worse by at least `max_drop`"."""
    metric = bounds.metric
    if metric.kind is MetricKind.PROPORTION:
        return evidence.exceeds(_bad(theirs, metric), _bad(ours, metric), -bounds.max_drop)
    variance = sequential.variance_of_difference(ours, theirs)
    beyond = bounds.max_drop - _drop(ours.mean, theirs.mean, metric)
    return sequential.mean_above(beyond, variance, metric.smallest_effect)


def _beyond_bound(ours: Moments, bound: float, metric: Metric) -> float:
    """Returns log E against "the candidate is no worse than `bound`"."""
    if metric.kind is MetricKind.PROPORTION:
        worst = 1 - bound if metric.higher_is_better else bound
        return evidence.above(_bad(ours, metric), worst)
    beyond = _drop(ours.mean, bound, metric)
    return sequential.mean_above(beyond, sequential.variance_of_mean(ours), metric.smallest_effect)


def _drop(ours: float, theirs: float, metric: Metric) -> float:
    return (theirs - ours) if metric.higher_is_better else (ours - theirs)


def _bad(moments: Moments, metric: Metric) -> Count:
    count = moments.as_count(metric.name)
    return count.misses if metric.higher_is_better else count

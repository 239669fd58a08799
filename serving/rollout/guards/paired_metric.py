"""Is the candidate worse on the very requests that the stable version answered?

In a shadow both versions see the same request. Then the metric of interest is the difference of
their values, candidate minus stable, one for each request: most of what makes one request harder
than another falls out of it, and far fewer labels tell two models apart than in `live_metric`. The
differences are reported as values of the candidate under the metric's name; nothing is asked of the
stable arm.

The metric may need no label either: the distance of both predictions, which is lower the better, is
bound by `max_drop` as well.

It rests on the normal mixture of `sequential`, and holds, or is proven, as in `live_metric`.
"""

from __future__ import annotations

import dataclasses
import math

from serving.rollout import sequential
from serving.rollout.errors import RolloutError
from serving.rollout.guards.registry import Finding, Status, Terms, register
from serving.rollout.json_fields import Fields
from serving.rollout.metric import Metric, MetricKind, Moments
from serving.rollout.snapshot import ArmStats

_NAME = "paired_metric"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedMetric:
    """Bounds of the mean of differences.

    Attributes:
        metric: Of kind mean; which way is good is that of the values that are subtracted.
        max_drop: By how much the candidate may be worse, at least 0.
        min_labels: Fewer differences are not enough.
        proven: Whether it holds only when a drop of `max_drop`, then above 0, is refuted.

    Raises:
        RolloutError: A bound is out of its range, or the metric is a proportion.
    """

    metric: Metric
    max_drop: float = 0.0
    min_labels: int = 500
    proven: bool = False

    def __post_init__(self) -> None:
        if self.metric.kind is not MetricKind.MEAN:
            raise RolloutError(
                f'{_NAME}: expected a metric with "kind": "mean", as differences of 0 and 1 may be '
                f"-1; received {self.metric.name}, a {self.metric.kind.value}."
            )
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

    @property
    def absolute(self) -> bool:
        """The stable version's part is in the values."""
        return True

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return dataclasses.asdict(self) | {"metric": self.metric.to_json()}


def _read(found: object, where: str) -> PairedMetric:
    fields = Fields(found, where)
    bounds = PairedMetric(
        metric=Metric.from_json(fields.take("metric"), f"{where}, metric"),
        max_drop=fields.number("max_drop", 0.0),
        min_labels=fields.whole("min_labels", 500),
        proven=fields.truth("proven", False),
    )
    fields.done()
    return bounds


@register(_NAME, PairedMetric, _read)
def paired_metric(
    bounds: PairedMetric, candidate: ArmStats, _stable: ArmStats, terms: Terms
) -> Finding:
    """Asks the differences."""
    metric, limit = bounds.metric, terms.limit + math.log(2)
    values = candidate.metrics.get(metric.name, Moments())
    variance = sequential.variance_of_mean(values)
    drop = -values.mean if metric.higher_is_better else values.mean
    numbers = f"{metric.name} is {values.mean:+.4g} in the mean of {values.count} pairs"
    worse = sequential.mean_above(drop - bounds.max_drop, variance, metric.smallest_effect)
    if worse >= limit:
        because = f"{numbers}; the candidate is worse by more than {bounds.max_drop:g}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    if values.count < bounds.min_labels:
        because = f"{values.count} of {bounds.min_labels} pairs"
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=because)
    kept_up = sequential.mean_above(bounds.max_drop - drop, variance, metric.smallest_effect)
    if bounds.proven and kept_up < limit:
        because = f"{numbers}; a drop of {bounds.max_drop:g} is not refuted yet"
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=because)
    return Finding(guard=_NAME, status=Status.HOLDS, because=numbers)

"""Do the candidate's predictions lie elsewhere than the stable version's?

Both arms get a random share of the same traffic, so what differs between their predictions comes
from the models. Some difference is what a new model is for; a large one is a feature that arrives
scrambled, or a label that was turned round. The distance is Kolmogorov and Smirnov's: over all
thresholds x, the largest difference between the shares of predictions at or above x. Predictions
outside the expected range, and NaN, count in it.

The guard is broken when the distance is known to be above `max_shift`. For each edge of the bins,
and both directions, there is an e-process against "the shares differ by at most `max_shift`"; while
that is so everywhere, their mean is an e-process too, and it is what reaches 1 / alpha. No formula
for large samples is used, and ties and steps in the distribution do no harm.

Choose `max_shift` from sound versions of the past: two models trained months apart may differ by
0.2 or more, both being right at their time.

Sources: Vovk and Wang 2021, E-values, Ann. Stat. 49(3), on means of e-values; `evidence` for each.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

from serving.rollout import evidence
from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.guards.registry import Finding, Status, Terms, lacking, register
from serving.rollout.histogram import Histogram
from serving.rollout.json_fields import Fields
from serving.rollout.snapshot import ArmStats

_NAME = "prediction_drift"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionDrift:
    """Bound of the distance between predictions.

    Attributes:
        max_shift: Largest distance that is allowed, in [0, 1).

    Raises:
        RolloutError: It is out of its range.
    """

    max_shift: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.max_shift < 1:
            raise RolloutError(f"{_NAME}: expected max_shift in [0, 1), received {self.max_shift}.")

    @property
    def absolute(self) -> bool:
        """Nothing is bound without a stable version to compare with."""
        return False

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return dataclasses.asdict(self)


def _read(found: object, where: str) -> PredictionDrift:
    fields = Fields(found, where)
    bounds = PredictionDrift(max_shift=fields.number("max_shift", 0.2))
    fields.done()
    return bounds


@register(_NAME, PredictionDrift, _read)
def prediction_drift(
    bounds: PredictionDrift, candidate: ArmStats, stable: ArmStats, terms: Terms
) -> Finding:
    """Compares the predictions."""
    ours, theirs = candidate.predictions, stable.predictions
    missing = lacking(ours.total, theirs.total, terms, "predictions", terms.min_requests)
    if not ours.total or not theirs.total:
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=missing)
    numbers = f"{_distance(ours, theirs)} over {ours.total} and {theirs.total} predictions"
    if shifted(ours, theirs, bounds.max_shift) >= terms.limit:
        because = f"{numbers}; the distance is above the bound {bounds.max_shift:g}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    if missing:
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=missing)
    return Finding(guard=_NAME, status=Status.HOLDS, because=numbers)


def shifted(one: Histogram, other: Histogram, max_shift: float) -> float:
    """Returns log E against "the distance is at most `max_shift`".

    Args:
        one: Not empty.
        other: Not empty, over the same bins.
        max_shift: In [0, 1).

    Raises:
        RolloutError: Their bins differ.
    """
    one.merged(other)  # Refuses other bins.
    ours, theirs = _above_edges(one), _above_edges(other)
    pairs = list(zip(ours, theirs, strict=True))
    logs = [
        evidence.exceeds(first, second, max_shift)
        for first, second in itertools.chain(pairs, ((b, a) for a, b in pairs))
        # The others have evidence for the hypothesis; leaving them out only lowers the mean.
        if first.share - second.share > max_shift
    ]
    if not logs:
        return -math.inf
    largest = max(logs)
    summed = sum(math.exp(log - largest) for log in logs)
    return largest + math.log(summed / (2 * len(pairs)))


def _above_edges(histogram: Histogram) -> list[Count]:
    return [Count(later, histogram.total) for later in histogram.beyond()[:-1]]


def _distance(one: Histogram, other: Histogram) -> str:
    """Returns where the shares differ most, in words."""
    pairs = list(zip(_above_edges(one), _above_edges(other), strict=True))
    # Of equal differences the last: NaN counts as above every edge, and is named where it is all.
    index = max(
        reversed(range(len(pairs))), key=lambda at: abs(pairs[at][0].share - pairs[at][1].share)
    )
    ours, theirs = pairs[index]
    last = len(pairs) - 1
    what = "NaN" if index == last else f"above {one.scale.edge(index):.3g}"
    return (
        f"{ours.share:.1%} of the candidate's predictions are {what}, {theirs.share:.1%} of the "
        "stable version's"
    )

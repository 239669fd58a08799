"""Does the candidate fail more often than the stable version, or more often than allowed?

Two questions, each with half of the guard's alpha: is the candidate's rate above the stable one's
by more than a margin, and is it above a bound of its own. Both count only failures that are the
version's fault. A disturbance that strikes both arms alike breaks only the second.
"""

from __future__ import annotations

import dataclasses
import math

from serving.rollout import evidence
from serving.rollout.errors import RolloutError
from serving.rollout.guards.registry import Finding, Status, Terms, lacking, register
from serving.rollout.json_fields import Fields
from serving.rollout.snapshot import ArmStats

_NAME = "error_rate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ErrorRate:
    """Bounds of errors.

    Attributes:
        margin: How much higher than the stable version's the rate may be, in [0, 1).
        max_rate: How high it may be in any case, in (0, 1); None for no such bound.

    Raises:
        RolloutError: A bound is out of its range.
    """

    margin: float = 0.0
    max_rate: float | None = None

    def __post_init__(self) -> None:
        if (
            not 0 <= self.margin < 1
            or not 0 < (0.5 if self.max_rate is None else self.max_rate) < 1
        ):
            raise RolloutError(
                f"{_NAME}: expected margin in [0, 1) and max_rate in (0, 1), received "
                f"{self.margin} and {self.max_rate}."
            )

    @property
    def absolute(self) -> bool:
        """Whether something is bound without a stable version to compare with."""
        return self.max_rate is not None

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return dataclasses.asdict(self)


def _read(found: object, where: str) -> ErrorRate:
    fields = Fields(found, where)
    bounds = ErrorRate(
        margin=fields.number("margin", 0.0), max_rate=fields.number_or_none("max_rate")
    )
    fields.done()
    return bounds


@register(_NAME, ErrorRate, _read)
def error_rate(bounds: ErrorRate, candidate: ArmStats, stable: ArmStats, terms: Terms) -> Finding:
    """Compares the rates of errors."""
    ours, theirs = candidate.failed, stable.failed
    limit = terms.limit + math.log(2)
    numbers = (
        f"the candidate failed {ours.hits} of {ours.trials} requests, the stable version "
        f"{theirs.hits} of {theirs.trials}"
    )
    if bounds.max_rate is not None and evidence.above(ours, bounds.max_rate) >= limit:
        because = f"{numbers}; the candidate's rate is above the bound {bounds.max_rate:g}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    if terms.compared and evidence.exceeds(ours, theirs, bounds.margin) >= limit:
        beyond = f" by more than {bounds.margin:g}" if bounds.margin else ""
        because = f"{numbers}; the candidate's rate is higher{beyond}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    missing = lacking(ours.trials, theirs.trials, terms, "requests", terms.min_requests)
    if missing:
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=missing)
    return Finding(guard=_NAME, status=Status.HOLDS, because=numbers)

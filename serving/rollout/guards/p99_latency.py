"""Is the candidate's 99th percentile of latency too many times the stable version's?

A percentile is bound from counts: if at most 1 % of all answers take longer than x, the percentile
is at most x, and how many of the seen took longer is a count like one of errors. So the guard is
exact: the candidate's percentile is at least the largest x that more than 1 % are known to exceed,
the stable one's at most the smallest x that fewer than 1 % are known to exceed, and it is broken
when the first is above `max_ratio` times the second. Each bound takes a third of the guard's alpha,
`max_sec` the last. Since x is always the edge of a bin, bins cost power but no error.

It is not asked in a shadow (`Plan.asked`): copies are answered one after another, in the
background.

The percentiles in the words of a finding are read from the bins and are within 4.4 %.

Source: Howard and Ramdas 2022, Sequential estimation of quantiles, Bernoulli 28(3).
"""

from __future__ import annotations

import dataclasses
import math

from serving.rollout import evidence
from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.guards.registry import Finding, Status, Terms, lacking, register
from serving.rollout.histogram import LATENCY_SEC, Histogram
from serving.rollout.json_fields import Fields
from serving.rollout.snapshot import ArmStats

_NAME = "p99_latency"
_BEYOND = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class P99Latency:
    """Bounds of the 99th percentile of latency.

    Attributes:
        max_ratio: How many times the stable version's it may be, at least 1.
        max_sec: How long it may be in any case; None for no such bound.

    Raises:
        RolloutError: A bound is out of its range.
    """

    max_ratio: float = 1.5
    max_sec: float | None = None

    def __post_init__(self) -> None:
        if self.max_ratio < 1 or (self.max_sec is not None and self.max_sec <= 0):
            raise RolloutError(
                f"{_NAME}: expected max_ratio of at least 1 and max_sec above 0, received "
                f"{self.max_ratio} and {self.max_sec}."
            )

    @property
    def absolute(self) -> bool:
        """Whether something is bound without a stable version to compare with."""
        return self.max_sec is not None

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return dataclasses.asdict(self)


def _read(found: object, where: str) -> P99Latency:
    fields = Fields(found, where)
    bounds = P99Latency(
        max_ratio=fields.number("max_ratio", 1.5), max_sec=fields.number_or_none("max_sec")
    )
    fields.done()
    return bounds


@register(_NAME, P99Latency, _read)
def p99_latency(bounds: P99Latency, candidate: ArmStats, stable: ArmStats, terms: Terms) -> Finding:
    """Compares the percentiles."""
    limit = terms.limit + math.log(3)
    ours, theirs = candidate.latency, stable.latency
    lowest, highest = at_least(ours, limit), at_most(theirs, limit)
    numbers = f"the candidate's p99 is {_read_off(ours)}, the stable version's {_read_off(theirs)}"
    if bounds.max_sec is not None and lowest > bounds.max_sec:
        because = f"{numbers}; it is above {_seconds(lowest)}, bound {_seconds(bounds.max_sec)}"
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    if terms.compared and lowest > bounds.max_ratio * highest:
        because = (
            f"{numbers}; the candidate's is above {_seconds(lowest)} and the stable one's below "
            f"{_seconds(highest)}, more than {bounds.max_ratio:g} times"
        )
        return Finding(guard=_NAME, status=Status.BROKEN, because=because)
    missing = lacking(ours.total, theirs.total, terms, "answers", terms.min_requests)
    if missing:
        return Finding(guard=_NAME, status=Status.NOT_ENOUGH, because=missing)
    return Finding(guard=_NAME, status=Status.HOLDS, because=numbers)


def at_least(latency: Histogram, limit: float) -> float:
    """Returns what the percentile is at least, in seconds.

    Args:
        latency: Over `LATENCY_SEC`.
        limit: The log E that is enough to say so.
    """
    total = latency.total
    known = [
        LATENCY_SEC.edge(index)
        for index, later in enumerate(latency.beyond()[:-2])
        if evidence.above(Count(later, total), _BEYOND) >= limit
    ]
    return known[-1] if known else 0.0


def at_most(latency: Histogram, limit: float) -> float:
    """Returns what the percentile is at most, in seconds; infinite where it is not known."""
    total = latency.total
    for index, later in enumerate(latency.beyond()[:-2]):
        if evidence.below(Count(later, total), _BEYOND) >= limit:
            return LATENCY_SEC.edge(index)
    return math.inf


def _read_off(latency: Histogram) -> str:
    if not latency.total:
        return "unknown"
    return _seconds(LATENCY_SEC.middle(latency.quantile_bin(1 - _BEYOND)))


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"

"""What became of the planning of a check: a plan, or why there is nothing to check.

What a plan holds is for `pipelines.skew` and `pipelines.feedback`.
"""

from __future__ import annotations

import dataclasses
from typing import Generic, TypeVar

PlanT = TypeVar("PlanT")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned(Generic[PlanT]):
    """What was decided.

    Attributes:
        plan: What to check; None where there is nothing to check.
        reason: Why there is nothing; empty where there is a plan.
        notes: What was seen on the way.
    """

    plan: PlanT | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

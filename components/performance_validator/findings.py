"""What a check of live performance found, as plain data: written as JSON, read by commands.

Nothing here knows of TensorFlow. How findings come about is left to `measuring`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from components.performance_validator.verdict import DEGRADED, NOT_COMPARED, OK

# Of what is reported and not judged: slices, arms, and metrics beside the area.
MEASURED: Final = "MEASURED"

AUC: Final = "auc"
OVERALL: Final = "overall"

_RANKS: Final = {DEGRADED: 0, NOT_COMPARED: 1, OK: 2, MEASURED: 3}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric of one version on one slice.

    Attributes:
        version: That served; "" where the server behind did not say.
        slice: Such as `carrier=UA`; the whole is `overall`.
        arm: Of a rollout, such as `2f3a/candidate`; "" for all rows of the version.
        metric: Its name in TFMA.
        value: As TFMA computes it; None where it cannot be told.
        interval: Ends of the confidence interval; None for metrics that get none.
        bound: What the value must reach; None where it is not judged.
        baseline: The same metric on the same slice in the version's evaluation, where known.
        status: "OK", "DEGRADED", "NOT_COMPARED", or "MEASURED" where it is not judged.
        reason: One plain sentence: what was expected and received.
        rows: Rows with a label.
        served: Rows that were answered; None where they were not counted.
    """

    version: str
    slice: str = OVERALL
    arm: str = ""
    metric: str = AUC
    value: float | None = None
    interval: tuple[float, float] | None = None
    bound: float | None = None
    baseline: float | None = None
    status: str = MEASURED
    reason: str = ""
    rows: int = 0
    served: int | None = None

    @property
    def is_judged(self) -> bool:
        """Whether the verdict follows from it."""
        return self.status != MEASURED

    @property
    def drop(self) -> float:
        """How far the whole interval lies below the baseline; negative where it reaches it."""
        if self.baseline is None or self.interval is None:
            return -math.inf
        return self.baseline - self.interval[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """All that a check found.

    Attributes:
        title: What was looked at.
        status: "OK", "DEGRADED" or "NOT_COMPARED"; only the first blesses.
        cause: Why it is not OK, in one line.
        findings: The verdicts first, worst first; then what was measured beside them.
        period: From when to when rows were served.
        confidence: Of the intervals.
        counts: What became of served rows and labels, as the join tells.
        notes: What a reader has to know of how it was measured.
    """

    title: str
    status: str
    cause: str = ""
    findings: tuple[Finding, ...] = ()
    period: str = ""
    confidence: float = 0.95
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def by_version(self) -> Mapping[str, Finding]:
        """The verdict of each version that served, worst first."""
        return {one.version: one for one in self.findings if one.is_judged}

    @property
    def decisive(self) -> Finding | None:
        """The verdict that the status follows from; None where no version was looked at."""
        judged = [one for one in self.by_version.values() if one.status == self.status]
        return max(judged, key=lambda one: one.rows, default=None)

    @property
    def version(self) -> str:
        """The version that the status is about; "" where there is none."""
        return self.decisive.version if self.decisive else ""

    @property
    def metric(self) -> str:
        """The name of the metric that decided, and of the slice where it is not the whole."""
        one = self.decisive
        if one is None:
            return ""
        return one.metric if one.slice == OVERALL else f"{one.metric} on {one.slice}"

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval that decided."""
        return self.decisive.interval if self.decisive else None

    @property
    def bound(self) -> float | None:
        """What it was held to."""
        return self.decisive.bound if self.decisive else None


def rank(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns verdicts first, worst first; then the versions and arms; then slices, by drop."""

    def place(one: Finding) -> tuple[Any, ...]:
        return (
            _RANKS[one.status],
            one.slice != OVERALL,
            -one.drop if one.slice != OVERALL else 0.0,
            -one.rows if one.is_judged else 0,
            one.version,
            one.arm,
            one.metric,
            one.slice,
        )

    return tuple(sorted(found, key=place))


def status_of(found: Iterable[Finding]) -> str:
    """Returns DEGRADED where a version is, or else OK where most rows are of versions that are OK.

    A version that has just begun, or has all but gone, has few rows, and does not keep the others
    from being judged.
    """
    judged = [one for one in found if one.is_judged]
    if any(one.status == DEGRADED for one in judged):
        return DEGRADED
    fine = sum(_weight(one) for one in judged if one.status == OK)
    return OK if fine > sum(map(_weight, judged)) / 2 else NOT_COMPARED


def cause_of(ranked: Iterable[Finding], status: str) -> str:
    """Returns why the status is not OK, in one line; "" where it is.

    Args:
        ranked: Findings as `rank` orders them.
        status: Of all of them.
    """
    if status == OK:
        return ""
    own = [one for one in ranked if one.status == status]
    if not own:
        return "nothing was served"
    worst = max(own, key=_weight)
    return f"{worst.metric} of version {worst.version or '(unknown)'}: {worst.reason}"


def to_json(findings: Findings) -> str:
    """Returns findings as JSON; equal findings give the same text."""
    return json.dumps(dataclasses.asdict(findings), indent=1, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Findings:
    """Returns findings that `to_json` wrote.

    Raises:
        ValueError: It is other text.
    """
    try:
        read = json.loads(text)
        found = tuple(_finding(one) for one in read.pop("findings"))
        return Findings(findings=found, notes=tuple(read.pop("notes")), **read)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"Expected findings of live performance in JSON: {error!r}") from error


def _finding(read: dict[str, Any]) -> Finding:
    interval = read.pop("interval")
    return Finding(interval=None if interval is None else tuple(interval), **read)


def _weight(one: Finding) -> int:
    return one.rows if one.served is None else one.served

"""What a rule found, and what follows from it. Plain data; it goes to JSON as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.rules import PLACES, Rule

Verdict = Literal["OK", "BROKEN", "NOT_MEASURED"]
Status = Literal["OK", "ALARM", "NOT_MEASURED"]
EXAMPLES_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class RowPlace:
    """Where a row is: its split, and its number within that, from 0 in the order of the files."""

    split: str
    row: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What a measure returns.

    Attributes:
        measured: The number that is held against the bound.
        bound: The bound.
        least: Whether it is the least that may be measured rather than the most.
        unit: What both are: a share from 0 to 1, or seconds.
        kept: Whether the data keeps the rule.
        told: The same in words, counts among them.
        judged: How many rows, keys or slices the number is a share of.
        left_out: How many rows could not be judged, such as for a missing value.
        places: A few of the rows that break the rule.
    """

    measured: float
    bound: float
    least: bool = False
    unit: Literal["share", "seconds"] = "share"
    kept: bool
    told: str
    judged: int
    left_out: int = 0
    places: tuple[RowPlace, ...] = ()


@dataclasses.dataclass(frozen=True)
class Example:
    """A row that breaks a rule, with its values of the columns concerned, for a reader."""

    split: str
    row: int
    values: Mapping[str, str]

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        return (
            f"{self.split} row {self.row}: {values}" if values else f"{self.split} row {self.row}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """A rule with what came of it.

    Attributes:
        rule: The rule.
        verdict: Whether the data keeps it.
        told: Why: what was measured against which bound, or why nothing could be.
        left_out: How many rows it says nothing of; all of them where nothing could be measured.
        finding: None where nothing could be measured.
        examples: A few rows that break it.
    """

    rule: Rule
    verdict: Verdict
    told: str
    left_out: int = 0
    finding: Finding | None = None
    examples: tuple[Example, ...] = ()

    @property
    def side(self) -> str:
        """The side of data quality."""
        return PLACES[type(self.rule)][0]

    @property
    def kind(self) -> str:
        """The kind of rule."""
        return PLACES[type(self.rule)][1]

    @property
    def measured(self) -> str:
        """What was measured, for a reader; a dash for nothing."""
        return shown(self.finding.measured, self.finding.unit) if self.finding else "-"

    @property
    def bound(self) -> str:
        """The bound, for a reader; a dash where nothing was measured."""
        if self.finding is None:
            return "-"
        sign = "≥" if self.finding.least else "≤"
        return f"{sign} {shown(self.finding.bound, self.finding.unit)}"

    @property
    def counts(self) -> bool:
        """Whether it is told as an anomaly: broken, or not measured though it had to be."""
        return self.verdict == "BROKEN" or (
            self.verdict == "NOT_MEASURED" and not self.rule.optional
        )

    @property
    def stops(self) -> bool:
        """Whether it stands against the data as a whole."""
        return self.counts and self.rule.severity == "error"

    @property
    def sentence(self) -> str:
        """What to tell of it, with the rows."""
        rows = f" For example {'; '.join(map(str, self.examples))}." if self.examples else ""
        return f"{self.told}.{rows}"

    def document(self) -> dict[str, Any]:
        """Returns it as a JSON value; the keys are the same for all."""
        found = self.finding
        return {
            "side": self.side,
            "kind": self.kind,
            "rule": self.rule.name,
            "severity": self.rule.severity,
            "optional": self.rule.optional,
            "verdict": self.verdict,
            "measured": found.measured if found else None,
            "bound": found.bound if found else None,
            "bound_is": ("least" if found.least else "most") if found else None,
            "unit": found.unit if found else None,
            "judged": found.judged if found else 0,
            "left_out": self.left_out,
            "reason": self.told,
            "examples": [dataclasses.asdict(example) for example in self.examples],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """All measurements of a span.

    Attributes:
        source: The file of rules.
        span: Number of the span; of the newest one where there are several; None where the data is
            not cut into spans.
        first_span: Number of the oldest one.
        rows: How many rows each split has.
        measurements: In the order of the rules.
    """

    source: str
    span: int | None
    first_span: int | None
    rows: Mapping[str, int]
    measurements: tuple[Measurement, ...]

    @property
    def status(self) -> Status:
        """OK; else ALARM where a rule of severity error is broken; else NOT_MEASURED."""
        stopping = [found for found in self.measurements if found.stops]
        if not stopping:
            return "OK"
        return "ALARM" if any(found.verdict == "BROKEN" for found in stopping) else "NOT_MEASURED"

    @property
    def cause(self) -> str:
        """The gravest finding in one line; empty where the status is OK."""
        stopping = [found for found in self.measurements if found.stops]
        if not stopping:
            return ""
        first = min(stopping, key=lambda found: found.verdict != "BROKEN")
        more = f" (and {len(stopping) - 1} more)" if len(stopping) > 1 else ""
        return f"{first.rule.name}: {first.told}{more}"

    def document(self) -> dict[str, Any]:
        """Returns it as a JSON value."""
        return {
            "rules": self.source,
            "span": self.span,
            "first_span": self.first_span,
            "rows": dict(self.rows),
            "status": self.status,
            "cause": self.cause,
            "measurements": [found.document() for found in self.measurements],
        }


def percent(share: float) -> str:
    """Returns a share for a reader, with two digits that tell something."""
    if share in (0, 1) or 0.001 <= share <= 0.999:
        return f"{100 * share:.2f}".rstrip("0").rstrip(".") + " %"
    if share > 0.999:
        return f"{100 * share:.5f} %"
    return f"{100 * share:.2g} %"


def at_most(share: float, may: str = "may") -> str:
    """Returns how many may break a rule, for a reader."""
    return f"at most {percent(share)} {may}" if share else f"none {may}"


def span_of_time(seconds: float) -> str:
    """Returns a duration for a reader, in the largest unit that it has one of."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:g} s"


def enough(rows: int, least: int, has: str) -> None:
    """Refuses to judge by too few rows.

    Args:
        rows: How many there are.
        least: How many a rule asks for.
        has: What they are rows of, such as `has a value of column 'n'`.

    Raises:
        NotMeasurable: There are fewer.
    """
    if rows < least:
        raise NotMeasurable(f"expected {least:,} rows or more, received {rows:,}; each {has}")


def shown(number: float, unit: str) -> str:
    """Returns what was measured, or a bound, for a reader."""
    return span_of_time(number) if unit == "seconds" else percent(number)


def first(places: Sequence[RowPlace]) -> tuple[RowPlace, ...]:
    """Returns as many rows as are shown."""
    return tuple(places[:EXAMPLES_SHOWN])

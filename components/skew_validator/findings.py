"""What a check of skew found, as plain data: written as JSON, read by reports and commands.

Nothing here knows of TensorFlow, so that a command can read what a component wrote within
milliseconds. How findings come about is left to `validation`, how they look to `report`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

OK = "OK"
ALARM = "ALARM"
NOT_COMPARED = "NOT_COMPARED"

# What to do where there were too few rows.
LONGER = "Take a longer window, or more of the requests into the log."

KINDS = ("schema", "distribution", "drift", "comparator", "feature", "prediction")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Histogram:
    """Two distributions over the same bins.

    Attributes:
        labels: Of the bins, those for "missing" and "NaN" at the end, where there are any.
        training: Shares of the values, which sum to 1, by bin.
        serving: Likewise.
    """

    labels: tuple[str, ...]
    training: tuple[float, ...]
    serving: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """One comparison.

    Attributes:
        distance: Its name.
        value: What was measured.
        threshold: What it is held to; None where nothing could be calibrated.
        p_value: Chance of such a value when nothing has changed; None for a fixed threshold.
        floor: What the value must exceed to alarm, however significant it is.
        training: Values, or rows, on the side of training.
        serving: Likewise of serving.
        status: "OK", "ALARM" or "NOT_COMPARED".
    """

    distance: str
    value: float
    threshold: float | None = None
    p_value: float | None = None
    floor: float = 0.0
    training: int = 0
    serving: int = 0
    status: str = OK


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of one feature in one respect.

    Attributes:
        kind: One of `KINDS`.
        feature: Its name; "" where it concerns the data as a whole.
        status: "OK", "ALARM" or "NOT_COMPARED".
        severity: How far beyond its bound the worst measure is; 1 at the bound. It ranks.
        reason: One plain sentence: what was expected and received.
        remedy: What to do about it.
        measures: Every comparison that was made.
        histogram: Both sides over the same bins; None where there is nothing to draw.
        first_seen: Time of the first served row that shows it, as ISO 8601 in UTC; "" where that is
            not known.
        examples: Of rows whose values differ: entity, training value, serving value.
        mismatch_rate: Share of the joined rows that differ; None for other kinds.
        optional: Whether it may stay uncompared.
    """

    kind: str
    feature: str
    status: str
    severity: float = 0.0
    reason: str = ""
    remedy: str = ""
    measures: tuple[Measure, ...] = ()
    histogram: Histogram | None = None
    first_seen: str = ""
    examples: tuple[tuple[str, ...], ...] = ()
    mismatch_rate: float | None = None
    optional: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """All that a check found.

    Attributes:
        title: Of the report.
        against: "training" or "previous".
        status: "OK", "ALARM" or "NOT_COMPARED"; only the first blesses.
        cause: The worst finding in one line; "" where all is well.
        findings: Alarms first, then what was not compared, then the rest, each by severity.
        training_rows: Rows of the baseline that were looked at.
        serving_rows: Rows that were served.
        training_what: Which rows the baseline is.
        serving_what: Which rows were served.
        model_versions: Those that served.
        counts: What the log's report tells: late, duplicate, corrupt records and the like.
        alpha: The largest p-value of one comparison that is an alarm.
        false_alarm_rate: Chance of one alarm or more when nothing has changed.
        notes: What a reader has to know of how it was compared.
    """

    title: str
    against: str
    status: str
    cause: str = ""
    findings: tuple[Finding, ...] = ()
    training_rows: int = 0
    serving_rows: int = 0
    training_what: str = ""
    serving_what: str = ""
    model_versions: tuple[str, ...] = ()
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    alpha: float = 0.0
    false_alarm_rate: float = 0.0
    notes: tuple[str, ...] = ()


def not_compared(
    kind: str, feature: str, reason: str, *, remedy: str = "", optional: bool = False
) -> Finding:
    """Returns the finding of something that could not be compared."""
    return Finding(
        kind=kind,
        feature=feature,
        status=NOT_COMPARED,
        reason=reason,
        remedy=remedy,
        optional=optional,
    )


def to_json(findings: Findings) -> str:
    """Returns findings as JSON; equal findings give the same text."""
    return json.dumps(_plain(dataclasses.asdict(findings)), indent=1, ensure_ascii=False)


def from_json(text: str) -> Findings:
    """Returns findings that `to_json` wrote.

    Raises:
        ValueError: It is other text.
    """
    try:
        read = json.loads(text)
        findings = tuple(_finding(item) for item in read.pop("findings"))
        versions, notes = (tuple(read.pop(name)) for name in ("model_versions", "notes"))
        return Findings(
            findings=findings,
            model_versions=versions,
            notes=notes,
            alpha=_number(read.pop("alpha")),
            **read,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"Expected findings of a check of skew in JSON: {error!r}") from error


def _finding(read: dict[str, Any]) -> Finding:
    histogram = read.pop("histogram")
    return Finding(
        severity=_number(read.pop("severity")),
        measures=tuple(_measure(item) for item in read.pop("measures")),
        histogram=Histogram(**{name: tuple(part) for name, part in histogram.items()})
        if histogram
        else None,
        examples=tuple(tuple(item) for item in read.pop("examples")),
        **read,
    )


def _measure(read: dict[str, Any]) -> Measure:
    for name in ("value", "threshold", "floor"):
        if read[name] is not None:
            read[name] = _number(read[name])
    return Measure(**read)


def _number(value: float | str) -> float:
    return float(value)


def _plain(value: Any) -> Any:
    # JSON has no infinity: it is written as a text that float() reads.
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value

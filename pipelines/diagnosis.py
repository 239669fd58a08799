"""Explains why data stopped a run: which anomaly, where in the CSV files, what to do about it.

`describe` turns TFDV's anomalies into reports; `locate` finds the cells that break a feature's
rules, and `find_fault` the row that no CSV reader takes. TFDV looks at statistics, so it knows
that a column holds text where numbers are expected, but not in which row: that is found here by
reading the files once more, row by row, with little memory. Which feature to look at is decided
by the caller.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from pipelines import cell_rules, csv_rows
from pipelines.csv_rows import CsvRowError
from pipelines.remedies import remedy_for

__all__ = [
    "AnomalyReport",
    "Offence",
    "constant_value",
    "describe",
    "find_fault",
    "locate",
    "remedy_for",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnomalyReport:
    """One reason why TFDV objects to the data.

    Attributes:
        feature: Path of the feature, its steps joined by dots; empty for the whole data set.
        severity: "error" or "warning".
        short: A few words.
        long: A sentence, with the values concerned.
        remedy: What to do.
        type: Value of `AnomalyInfo.Type`.
    """

    feature: str
    severity: Literal["error", "warning"]
    short: str
    long: str
    remedy: str
    type: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offence:
    """Cells of one column that break the feature's rules in one way.

    Attributes:
        path: File of the first of them.
        line: Its line, from 1.
        column: Name of the column.
        value: What stands there.
        reason: What is wrong with it.
        count: How many such cells the files have.
        rows: How many rows the files have.
    """

    path: Path
    line: int
    column: str
    value: str
    reason: str
    count: int
    rows: int

    def __str__(self) -> str:
        share = f"{self.count:,} of {self.rows:,} rows"
        return (
            f"{self.path}, line {self.line}, column {self.column!r}: {self.value!r} {self.reason} "
            f"({share})"
        )


def describe(
    anomalies: anomalies_pb2.Anomalies, fail_on: Literal["error", "warning", "never"]
) -> list[AnomalyReport]:
    """Returns the anomalies that stop a run, the gravest first.

    Args:
        anomalies: Output of ExampleValidator for one split.
        fail_on: Least severity that counts; "never" lets all pass.
    """
    if fail_on == "never":
        return []
    reports: list[AnomalyReport] = []
    if anomalies.data_missing:
        kind = anomalies_pb2.AnomalyInfo.NO_DATA_IN_SPAN
        reports.append(
            AnomalyReport(
                feature="",
                severity="error",
                short="No data",
                long="There are no examples to validate.",
                remedy=remedy_for(kind),
                type=kind,
            )
        )
    for name, info in sorted(anomalies.anomaly_info.items()):
        reports += _reports(".".join(info.path.step) or name, info)
    if anomalies.HasField("dataset_anomaly_info"):
        reports += _reports("", anomalies.dataset_anomaly_info)
    counted = [report for report in reports if fail_on == "warning" or report.severity == "error"]
    return sorted(counted, key=lambda report: report.severity)


def locate(
    files: Iterable[Path], feature: schema_pb2.Feature, schema: schema_pb2.Schema
) -> list[Offence]:
    """Finds the cells that break a feature's rules: those with a wrong value, and the empty ones.

    Args:
        files: CSV files, all with the same columns.
        feature: The feature; its name is the column's.
        schema: The schema that it is of.

    Returns:
        One offence per way of being wrong: values that break a rule; a column whose values are
        all of a narrower type than the schema's (TFDV takes whole numbers for no floats, numbers
        for no text); and, where more cells are empty than the feature's presence allows, missing
        values. Empty when the column obeys, or is not there at all.

    Raises:
        CsvRowError: A row cannot be read.
    """
    checks = cell_rules.rules(feature, schema)
    wrong, missing, narrow = (_Tally(feature.name) for _ in range(3))
    widest = cell_rules.Kind.INT
    rows = 0
    for path in files:
        columns = csv_rows.header(path)
        if feature.name not in columns:
            continue
        position = columns.index(feature.name)
        for line, cells in csv_rows.records(path):
            rows += 1
            cell = cells[position]
            if not cell:
                missing.add(path, line, cell, "is empty")
                continue
            widest = max(widest, cell_rules.kind(cell))
            narrow.add(path, line, cell, "")
            if reason := next(filter(None, (check(cell) for check in checks)), ""):
                wrong.add(path, line, cell, reason)
    offences = wrong.offences(rows)
    if widest < cell_rules.KINDS.get(feature.type, widest):
        read_as = "a whole number" if widest is cell_rules.Kind.INT else "a number"
        expected = schema_pb2.FeatureType.Name(feature.type)
        reason = f"is read as {read_as}, like the whole column; the schema expects {expected}"
        offences += [
            dataclasses.replace(offence, reason=reason) for offence in narrow.offences(rows)
        ]
    presence = feature.presence
    present = rows - missing.count
    if present < presence.min_count or present < presence.min_fraction * rows:
        offences += missing.offences(rows)
    return offences


def find_fault(files: Iterable[Path]) -> CsvRowError | None:
    """Returns the first row that cannot be read (ragged, not UTF-8, an open quote), or none."""
    for path in files:
        try:
            for _ in csv_rows.records(path):
                pass
        except CsvRowError as fault:
            return fault
    return None


def constant_value(files: Iterable[Path], column: str) -> str | None:
    """Returns the one value that a column has in all rows, or None where it has several or none.

    A model cannot learn from a label that is constant.
    """
    values: set[str] = set()
    for path in files:
        columns = csv_rows.header(path)
        if column not in columns:
            return None
        position = columns.index(column)
        for _, cells in csv_rows.records(path):
            values.add(cells[position])
            if len(values) > 1:
                return None
    return values.pop() if values else None


class _Tally:
    """Counts cells that are wrong in one way, and keeps the first."""

    def __init__(self, column: str) -> None:
        self.count = 0
        self._column = column
        self._first: tuple[Path, int, str, str] | None = None

    def add(self, path: Path, line: int, value: str, reason: str) -> None:
        self.count += 1
        self._first = self._first or (path, line, value, reason)

    def offences(self, rows: int) -> list[Offence]:
        if self._first is None:
            return []
        path, line, value, reason = self._first
        return [
            Offence(
                path=path,
                line=line,
                column=self._column,
                value=value,
                reason=reason,
                count=self.count,
                rows=rows,
            )
        ]


def _reports(feature: str, info: anomalies_pb2.AnomalyInfo) -> list[AnomalyReport]:
    # An anomaly of unknown severity is no reason to let data pass.
    warning = info.severity == anomalies_pb2.AnomalyInfo.WARNING
    reasons: Sequence[anomalies_pb2.AnomalyInfo.Reason] = info.reason or [
        anomalies_pb2.AnomalyInfo.Reason(
            short_description=info.short_description, description=info.description
        )
    ]
    return [
        AnomalyReport(
            feature=feature,
            severity="warning" if warning else "error",
            short=reason.short_description or info.short_description,
            long=reason.description or info.description,
            remedy=remedy_for(reason.type),
            type=reason.type,
        )
        for reason in reasons
    ]

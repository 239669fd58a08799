"""Holds all rows of a span against all rules, in one pass, and says what came of it.

A rule that cannot be measured has that as its result; it ends neither the pass nor other rules.
The rows that break a rule are looked up at the end, by their numbers, so that the pass keeps no
values. Where rows come from is for `reading`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from components.data_quality_validator.accuracy import ConditionMeasure, RangeMeasure
from components.data_quality_validator.balance import BalanceMeasure
from components.data_quality_validator.columns import Rows
from components.data_quality_validator.completeness import PresenceMeasure
from components.data_quality_validator.consistency import (
    DependencyMeasure,
    DuplicatesMeasure,
    LeakMeasure,
)
from components.data_quality_validator.errors import ExpressionError, NotMeasurable
from components.data_quality_validator.measurement import (
    Example,
    Finding,
    Measurement,
    Report,
    RowPlace,
)
from components.data_quality_validator.rules import (
    Age,
    Balance,
    Condition,
    Dependency,
    Duplicates,
    Gap,
    Leak,
    Presence,
    Range,
    Rule,
    columns_of,
)
from components.data_quality_validator.timeliness import AgeMeasure, GapMeasure


class Data(Protocol):
    """The rows of a span, which can be read several times."""

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits."""

    def batches(self, split: str, columns: Sequence[str]) -> Iterator[Rows]:
        """Yields the rows of a split in their order; only `columns` are asked of them."""

    def rows(
        self, split: str, numbers: Collection[int], columns: Sequence[str]
    ) -> Mapping[int, Mapping[str, str]]:
        """Returns values of some rows, for a reader."""


class Measure(Protocol):
    """What measures a rule: takes batches, and then says what it found."""

    def add(self, rows: Rows) -> None:
        """Takes a batch, or raises `NotMeasurable`."""

    def result(self) -> Finding:
        """Returns what was found, or raises `NotMeasurable`."""


_MEASURES: Mapping[type[Rule], Callable[[Any], Measure]] = {
    Range: RangeMeasure,
    Condition: ConditionMeasure,
    Presence: PresenceMeasure,
    Duplicates: DuplicatesMeasure,
    Dependency: DependencyMeasure,
    Leak: LeakMeasure,
    Balance: BalanceMeasure,
}


def measure(
    rules: Sequence[Rule],
    data: Data,
    *,
    source: str,
    span: int | None = None,
    first_span: int | None = None,
    now_sec: float | None = None,
    note: Callable[[int], None] | None = None,
) -> Report:
    """Measures a span.

    Args:
        rules: What it is held against.
        data: Its rows.
        source: Where the rules stand, for the report.
        span: Its number; of the newest one where there are several; None where the data is not cut
            into spans.
        first_span: Number of the oldest one; None where there is just one.
        now_sec: Seconds since 1970, for rules about age.
        note: Is told now and then how many rows have been looked at.
    """
    first_span = span if first_span is None else first_span
    tracked = [_Tracked(rule, _measure_of(rule, now_sec, span, first_span)) for rule in rules]
    columns = tuple(dict.fromkeys(name for rule in rules for name in columns_of(rule)))
    counts = dict.fromkeys(data.splits, 0)
    for split in data.splits:
        for rows in data.batches(split, columns):
            counts[split] += len(rows)
            for one in tracked:
                one.add(rows)
            if note is not None:
                note(sum(counts.values()))
    found = [one.measurement(sum(counts.values())) for one in tracked]
    return Report(
        source=source,
        span=span,
        first_span=first_span,
        rows=counts,
        measurements=tuple(_with_examples(found, data)),
    )


class _Tracked:
    """A rule, its measure, and why it cannot be measured if so."""

    def __init__(self, rule: Rule, measure: Measure) -> None:
        self._rule = rule
        self._measure = measure
        self._reason = ""

    def add(self, rows: Rows) -> None:
        if self._reason:
            return
        try:
            self._measure.add(rows)
        except (NotMeasurable, ExpressionError) as reason:
            # Expressions on columns of no known kind could not be checked before.
            self._reason = str(reason)

    def measurement(self, rows: int) -> tuple[Measurement, tuple[RowPlace, ...]]:
        if not rows:
            self._reason = "there are no rows"
        if not self._reason:
            try:
                found = self._measure.result()
            except NotMeasurable as reason:
                self._reason = str(reason)
        if self._reason:
            told = f"not measured: {self._reason}"
            verdict = Measurement(rule=self._rule, verdict="NOT_MEASURED", told=told, left_out=rows)
            return verdict, ()
        verdict = Measurement(
            rule=self._rule,
            verdict="OK" if found.kept else "BROKEN",
            told=found.told,
            left_out=found.left_out,
            finding=found,
        )
        return verdict, () if found.kept else found.places


def _measure_of(
    rule: Rule, now_sec: float | None, span: int | None, first_span: int | None
) -> Measure:
    if isinstance(rule, Age):
        return AgeMeasure(rule, now_sec=now_sec, span=span)
    if isinstance(rule, Gap):
        return GapMeasure(rule, span=span, first_span=first_span)
    return _MEASURES[type(rule)](rule)


def _with_examples(
    found: Sequence[tuple[Measurement, tuple[RowPlace, ...]]], data: Data
) -> Iterator[Measurement]:
    for measurement, places in found:
        columns = columns_of(measurement.rule)
        values: dict[RowPlace, Mapping[str, str]] = {}
        for split in dict.fromkeys(place.split for place in places):
            numbers = {place.row for place in places if place.split == split}
            for row, shown in data.rows(split, numbers, columns).items():
                values[RowPlace(split, row)] = shown
        examples = tuple(Example(place.split, place.row, values.get(place, {})) for place in places)
        yield dataclasses.replace(measurement, examples=examples)

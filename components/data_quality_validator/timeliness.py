"""Timeliness: how old the newest row is, and how long nothing happened.

Span n goes from n - 1 to n lengths of a span after the start of the first one.
"""

from __future__ import annotations

import datetime

import numpy as np

from components.data_quality_validator.columns import Kind, Rows
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.measurement import Finding, RowPlace, span_of_time
from components.data_quality_validator.rules import Age, Gap

_SECONDS_AT_ONCE = 2**20
_NO_SPANS = "the data is not cut into spans"
_TIMES = (-(2.0**61), 2.0**61)  # so that the difference of two fits an int64


class AgeMeasure:
    """Measures an `Age`."""

    def __init__(self, rule: Age, *, now_sec: float | None, span: int | None) -> None:
        """Begins.

        Args:
            rule: The rule.
            now_sec: Seconds since 1970; None where no rule asks for them.
            span: Number of the span, from which its end follows; None where there are none.
        """
        self._rule = rule
        self._end = now_sec if rule.relative_to == "now" else _end(rule, span)
        self._newest: tuple[float, RowPlace] | None = None
        self._rows = self._known = 0

    def add(self, rows: Rows) -> None:
        """Takes a batch."""
        seconds, known = _seconds(rows, self._rule.column)
        self._rows += len(rows)
        self._known += len(known)
        if len(known):
            at = int(np.argmax(seconds))
            if self._newest is None or seconds[at] > self._newest[0]:
                place = RowPlace(rows.split, rows.start + int(known[at]))
                self._newest = float(seconds[at]), place

    def result(self) -> Finding:
        """Returns the age of the newest row in seconds; below 0 where it lies ahead.

        Raises:
            NotMeasurable: No row has a time, or it is not known what time it is.
        """
        rule = self._rule
        if self._end is None:
            raise NotMeasurable(
                "it is not known what time it is" if rule.relative_to == "now" else _NO_SPANS
            )
        if self._newest is None:
            raise NotMeasurable(f"no row has a value of column {rule.column!r}")
        newest, place = self._newest
        age = self._end - newest
        when = "now" if rule.relative_to == "now" else "the span's end"
        kept = -rule.max_ahead <= age <= rule.max_age
        late = age < -rule.max_ahead
        told = (
            f"the newest row, of {_iso(newest)}, is {span_of_time(abs(age))} "
            f"{'after' if age < 0 else 'before'} {when}, {_iso(self._end)}; at most "
            + (
                f"{span_of_time(rule.max_ahead)} after it may be"
                if late
                else f"{span_of_time(rule.max_age)} may be"
            )
        )
        return Finding(
            measured=age,
            bound=-rule.max_ahead if late else rule.max_age,
            least=late,
            unit="seconds",
            kept=kept,
            told=told,
            judged=self._known,
            left_out=self._rows - self._known,
            places=() if kept else (place,),
        )


class GapMeasure:
    """Measures a `Gap`. Memory: 8 bytes for each distinct second."""

    def __init__(self, rule: Gap, *, span: int | None, first_span: int | None) -> None:
        """Begins.

        Args:
            rule: The rule.
            span: Number of the newest span, from which the end follows; None where there are none.
            first_span: Number of the oldest, from which the start follows.
        """
        self._rule = rule
        self._start = None if first_span is None else _end(rule, first_span - 1)
        self._end = _end(rule, span)
        self._distinct = np.zeros(0, np.int64)
        self._new: list[np.ndarray] = []
        self._rows = self._known = 0

    def add(self, rows: Rows) -> None:
        """Takes a batch."""
        seconds, known = _seconds(rows, self._rule.column)
        self._rows += len(rows)
        self._known += len(known)
        self._new.append(np.unique(np.clip(np.floor(seconds), *_TIMES).astype(np.int64)))
        if sum(map(len, self._new)) > max(_SECONDS_AT_ONCE, len(self._distinct)):
            self._merge()

    def result(self) -> Finding:
        """Returns the longest gap in seconds.

        Raises:
            NotMeasurable: There are fewer than two times, or, over a span, none.
        """
        rule = self._rule
        self._merge()
        times = self._with_ends()
        gaps = np.diff(times)
        at = int(np.argmax(gaps))
        gap = float(gaps[at])
        long = int((gaps > rule.max_gap).sum())
        more = f" ({long - 1:,} more gaps are too long)" if long > 1 else ""
        return Finding(
            measured=gap,
            bound=rule.max_gap,
            unit="seconds",
            kept=gap <= rule.max_gap,
            told=(
                f"nothing from {self._told(times[at])} to {self._told(times[at + 1])}, "
                f"{span_of_time(gap)}; at most {span_of_time(rule.max_gap)} may be{more}"
            ),
            judged=self._known,
            left_out=self._rows - self._known,
        )

    def _with_ends(self) -> np.ndarray:
        """Returns the times that have to follow one another closely: the rows', and the span's."""
        times, rule = self._distinct, self._rule
        over_span = rule.relative_to == "span"
        if over_span and (self._start is None or self._end is None):
            raise NotMeasurable(_NO_SPANS)
        if len(times) < (1 if over_span else 2):
            expected = "a time" if over_span else "at least two times"
            raise NotMeasurable(
                f"column {rule.column!r}: expected {expected}, received {len(times)}"
            )
        if not over_span:
            return times
        # Rows that lie outside of the span leave nothing open at that end.
        starts = [self._start] if self._start is not None and self._start < times[0] else []
        ends = [self._end] if self._end is not None and self._end > times[-1] else []
        return np.concatenate([starts, times.astype(np.float64), ends])

    def _told(self, seconds: float) -> str:
        of = {self._end: " (the span's end)", self._start: " (the span's start)"}
        return _iso(seconds) + of.get(float(seconds), "")

    def _merge(self) -> None:
        self._distinct = np.unique(np.concatenate([self._distinct, *self._new]))
        self._new = []


def _seconds(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the times of the rows that have one, and which rows these are."""
    column = rows.column(name)
    if column.kind is Kind.BYTES:
        raise NotMeasurable(f"column {name!r} holds texts; expected seconds since 1970")
    known = np.flatnonzero(column.known & np.isfinite(column.numbers))
    return column.numbers[known], known


def _end(rule: Age | Gap, span: int | None) -> float | None:
    """Returns when a span ends; None where there are none, or the rule asks for none."""
    if span is None or rule.first_span is None or rule.span_length is None:
        return None
    end = rule.first_span.timestamp() + span * rule.span_length
    return end if rule.last is None else min(end, rule.last.timestamp())


def _iso(seconds: float) -> str:
    try:
        when = datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s since 1970"  # such as milliseconds that were taken for seconds
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

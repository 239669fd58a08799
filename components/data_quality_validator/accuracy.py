"""Accuracy: values within bounds, and conditions across the columns of a row."""

from __future__ import annotations

import numpy as np

from components.data_quality_validator import evaluation
from components.data_quality_validator.columns import Kind, Rows
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.expressions import Expression
from components.data_quality_validator.measurement import (
    EXAMPLES_SHOWN,
    Finding,
    RowPlace,
    at_most,
    enough,
    percent,
)
from components.data_quality_validator.rules import Condition, Range


class _Share:
    """Counts rows that keep and that break a rule, and remembers the first that break it."""

    def __init__(self) -> None:
        self.broken = 0
        self.known = 0
        self.rows = 0
        self.places: list[RowPlace] = []

    def add(self, rows: Rows, broken: np.ndarray, known: np.ndarray) -> None:
        self.broken += int(broken.sum())
        self.known += int(known.sum())
        self.rows += len(rows)
        wanted = EXAMPLES_SHOWN - len(self.places)
        for row in np.flatnonzero(broken)[:wanted]:
            self.places.append(RowPlace(rows.split, rows.start + int(row)))

    def finding(self, rule: Range | Condition, what: str, unknown: str) -> Finding:
        if not self.known:
            raise NotMeasurable(unknown)
        enough(self.known, rule.min_rows, unknown.removeprefix("no row "))
        max_share = rule.max_share
        share = self.broken / self.known
        left_out = self.rows - self.known
        aside = f", {left_out:,} left out for missing values" if left_out else ""
        return Finding(
            measured=share,
            bound=max_share,
            kept=share <= max_share,
            told=(
                f"{self.broken:,} of {self.known:,} rows ({percent(share)}) {what}; "
                f"{at_most(max_share)}{aside}"
            ),
            judged=self.known,
            left_out=left_out,
            places=tuple(self.places),
        )


class RangeMeasure:
    """Measures a `Range`."""

    def __init__(self, rule: Range) -> None:
        self._rule = rule
        self._share = _Share()

    def add(self, rows: Rows) -> None:
        """Takes a batch.

        Raises:
            NotMeasurable: The column holds no numbers.
        """
        rule = self._rule
        column = rows.column(rule.column)
        if column.kind is Kind.BYTES:
            raise NotMeasurable(f"column {rule.column!r} holds texts, which have no range")
        outside = np.zeros(len(rows), bool)
        # A float of the data has single precision; so must the bound that was written like it.
        precision = np.float32 if column.kind is Kind.FLOAT else np.float64
        with np.errstate(over="ignore"):
            if rule.min is not None:
                outside |= column.numbers < np.float64(precision(rule.min))
            if rule.max is not None:
                outside |= column.numbers > np.float64(precision(rule.max))
        self._share.add(rows, outside & column.known, column.known)

    def result(self) -> Finding:
        """Returns the share of values out of bounds.

        Raises:
            NotMeasurable: There is no value, or too few are.
        """
        rule = self._rule
        bounds = [
            text
            for text, bound in (
                (f"below {rule.min:g}" if rule.min is not None else "", rule.min),
                (f"above {rule.max:g}" if rule.max is not None else "", rule.max),
            )
            if bound is not None
        ]
        return self._share.finding(
            rule,
            f"have a {rule.column!r} {' or '.join(bounds)}",
            f"no row has a value of column {rule.column!r}",
        )


class ConditionMeasure:
    """Measures a `Condition`."""

    def __init__(self, rule: Condition) -> None:
        self._rule = rule
        self._share = _Share()

    def add(self, rows: Rows) -> None:
        """Takes a batch."""
        truths = evaluation.evaluate(self._rule.holds, rows.column, len(rows))
        self._share.add(rows, truths.no, truths.yes | truths.no)

    def result(self) -> Finding:
        """Returns the share of rows that break it, of those where that is known.

        Raises:
            NotMeasurable: It is known of none, or of too few.
        """
        return self._share.finding(
            self._rule, f"break {self._rule.holds.text!r}", _unknown(self._rule.holds)
        )


def _unknown(holds: Expression) -> str:
    return f"no row has the values that {holds.text!r} asks for: {', '.join(holds.columns)}"

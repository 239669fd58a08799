"""Completeness: how many rows have a value, within each slice of the data."""

from __future__ import annotations

import collections

import numpy as np

from components.data_quality_validator.columns import Column, Kind, Rows
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.measurement import (
    EXAMPLES_SHOWN,
    Finding,
    RowPlace,
    percent,
)
from components.data_quality_validator.rules import Presence

MAX_SLICES = 10_000
_ALL = "all rows"


class PresenceMeasure:
    """Measures a `Presence`. Memory: a few numbers for each slice."""

    def __init__(self, rule: Presence) -> None:
        self._rule = rule
        self._rows: collections.Counter[str] = collections.Counter()
        self._present: collections.Counter[str] = collections.Counter()
        self._places: dict[str, list[RowPlace]] = {}

    def add(self, rows: Rows) -> None:
        """Takes a batch.

        Raises:
            NotMeasurable: The slices are too many to be slices.
        """
        known = rows.column(self._rule.column).known
        names, codes = self._slices(rows)
        totals = np.bincount(codes, minlength=len(names))
        present = np.bincount(codes[known], minlength=len(names))
        for code, name in enumerate(names):
            self._rows[name] += int(totals[code])
            self._present[name] += int(present[code])
            places = self._places.setdefault(name, [])
            if totals[code] > present[code] and len(places) < EXAMPLES_SHOWN:
                missing = np.flatnonzero((codes == code) & ~known)
                places += [RowPlace(rows.split, rows.start + int(row)) for row in missing]
                del places[EXAMPLES_SHOWN:]
        if len(self._rows) > MAX_SLICES:
            raise NotMeasurable(
                f"column {self._rule.by!r} has more than {MAX_SLICES:,} values; slices are fewer"
            )

    def result(self) -> Finding:
        """Returns the least share of all slices that are judged.

        Raises:
            NotMeasurable: None is.
        """
        rule = self._rule
        judged = {name: rows for name, rows in self._rows.items() if rows >= rule.min_rows}
        if not judged:
            raise NotMeasurable(
                f"expected {rule.min_rows:,} rows or more, received {sum(self._rows.values()):,}"
                + (f" in {len(self._rows):,} slices by {rule.by!r}" if rule.by else "")
            )
        shares = {name: self._present[name] / rows for name, rows in judged.items()}
        # The first by name among equals, so that the same data is told in the same way.
        worst = min(shares, key=lambda name: (shares[name], name))
        below = sum(share < rule.min_share for share in shares.values())
        where = f" where {rule.by} is {worst}" if rule.by else ""
        others = f" ({below} of {len(shares)} slices have less)" if rule.by and below else ""
        left_out = sum(self._rows.values()) - sum(judged.values())
        return Finding(
            measured=shares[worst],
            bound=rule.min_share,
            least=True,
            kept=not below,
            told=(
                f"{self._present[worst]:,} of {judged[worst]:,} rows ({percent(shares[worst])}) "
                f"have a {rule.column!r}{where}; at least {percent(rule.min_share)} have to{others}"
            ),
            judged=judged[worst],
            left_out=left_out,
            places=tuple(self._places[worst]) if below else (),
        )

    def _slices(self, rows: Rows) -> tuple[list[str], np.ndarray]:
        if self._rule.by is None:
            return [_ALL], np.zeros(len(rows), np.int64)
        return _coded(rows.column(self._rule.by))


def _coded(column: Column) -> tuple[list[str], np.ndarray]:
    """Returns the values of a column as texts, and for each row which of them it has."""
    if column.kind is Kind.BYTES:
        coded = column.texts.fill_null(b"").dictionary_encode()
        values = [repr(value.decode("utf-8", "replace")) for value in coded.dictionary.to_pylist()]
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        distinct, codes = np.unique(column.numbers, return_inverse=True)
        integers = column.kind is Kind.INT
        values = [str(int(value) if integers else np.float32(value)) for value in distinct]
    codes = np.where(column.known, codes.reshape(-1), len(values))
    return [*values, "(missing)"], codes

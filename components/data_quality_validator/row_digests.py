"""Digests of all rows seen, and where each row is. Nine bytes a row, and 32 more while sorting."""

from __future__ import annotations

import numpy as np

from components.data_quality_validator.columns import Rows
from components.data_quality_validator.measurement import RowPlace


class RowDigests:
    """Collects the digests of a key, batch by batch."""

    def __init__(self, key: tuple[str, ...]) -> None:
        self._key = key
        self._digests: list[np.ndarray] = []
        self._known: list[np.ndarray] = []
        self._batches: list[tuple[int, str, int]] = []
        self.rows = 0

    def add(self, rows: Rows) -> None:
        """Takes a batch.

        Raises:
            NotMeasurable: A column of the key cannot be had.
        """
        digests, known = rows.digests(self._key)
        self._digests.append(digests)
        self._known.append(known)
        self.mark(rows)

    def mark(self, rows: Rows) -> None:
        """Remembers only where the rows of a batch are."""
        self._batches.append((self.rows, rows.split, rows.start))
        self.rows += len(rows)

    def complete(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns digests of the rows that have a whole key, and the numbers of these rows."""
        known = np.concatenate(self._known) if self._known else np.zeros(0, bool)
        digests = np.concatenate(self._digests) if self._digests else np.zeros(0, np.uint64)
        numbers = np.flatnonzero(known)
        return digests[numbers], numbers

    def place(self, number: int) -> RowPlace:
        """Returns where a row is, by its number among all that were added."""
        starts = [start for start, _, _ in self._batches]
        at = int(np.searchsorted(starts, number, side="right")) - 1
        start, split, first = self._batches[at]
        return RowPlace(split, first + int(number) - start)

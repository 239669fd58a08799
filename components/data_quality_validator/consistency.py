"""Consistency: rows that repeat, keys that contradict themselves, splits that leak.

Rows are known by digests (`digests`), so that what is kept in memory does not depend on how long
their texts are: 9 bytes a row for duplicates and leaks, and 24 for each distinct pair of key and
value for dependencies.
"""

from __future__ import annotations

import numpy as np

from components.data_quality_validator.columns import Rows
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.measurement import (
    Finding,
    RowPlace,
    at_most,
    enough,
    first,
    percent,
)
from components.data_quality_validator.row_digests import RowDigests
from components.data_quality_validator.rules import Dependency, Duplicates, Leak

_PAIRS_AT_ONCE = 2**20


class DuplicatesMeasure:
    """Measures `Duplicates`."""

    def __init__(self, rule: Duplicates) -> None:
        self._rule = rule
        self._seen = RowDigests(rule.key)

    def add(self, rows: Rows) -> None:
        """Takes a batch."""
        self._seen.add(rows)

    def result(self) -> Finding:
        """Returns the share of rows that repeat an earlier one.

        Raises:
            NotMeasurable: No row has a whole key, or too few have.
        """
        rule, seen = self._rule, self._seen
        digests, numbers = seen.complete()
        if not len(digests):
            raise NotMeasurable(_no_key(rule.key))
        enough(len(digests), rule.min_rows, _has_key(rule.key))
        order = np.argsort(digests, kind="stable")
        ordered = digests[order]
        repeats = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        share = len(repeats) / len(digests)
        places: tuple[RowPlace, ...] = ()
        if len(repeats):
            same = order[ordered == ordered[repeats[0]]]
            places = first([seen.place(numbers[at]) for at in same[:3]])
        return Finding(
            measured=share,
            bound=rule.max_share,
            kept=share <= rule.max_share,
            told=(
                f"{len(repeats):,} of {len(digests):,} rows ({percent(share)}) repeat "
                f"{_by(rule.key)}; {at_most(rule.max_share)}"
            ),
            judged=len(digests),
            left_out=seen.rows - len(digests),
            places=places,
        )


class DependencyMeasure:
    """Measures a `Dependency`."""

    def __init__(self, rule: Dependency) -> None:
        self._rule = rule
        self._rows = 0
        self._left_out = 0
        self._batches = RowDigests(rule.key)
        self._pairs = np.zeros((3, 0), np.uint64)  # key, value, number of the first row
        self._new: list[np.ndarray] = []

    def add(self, rows: Rows) -> None:
        """Takes a batch."""
        keys, have_key = rows.digests(self._rule.key)
        values, have_value = rows.digests((self._rule.column,))
        known = np.flatnonzero(have_key & have_value)
        self._left_out += len(rows) - len(known)
        numbers = (known + self._rows).astype(np.uint64)
        self._new.append(_distinct(np.stack([keys[known], values[known], numbers])))
        self._batches.mark(rows)
        self._rows += len(rows)
        if sum(pairs.shape[1] for pairs in self._new) > max(_PAIRS_AT_ONCE, self._pairs.shape[1]):
            self._merge()

    def result(self) -> Finding:
        """Returns the share of keys that come with several values.

        Raises:
            NotMeasurable: No row has both, or too few have.
        """
        rule = self._rule
        self._merge()
        if not self._pairs.shape[1]:
            raise NotMeasurable(f"no row has both {', '.join(rule.key)} and {rule.column!r}")
        known = self._rows - self._left_out
        enough(known, rule.min_rows, f"has both {', '.join(rule.key)} and {rule.column!r}")
        keys = self._pairs[0]  # sorted
        begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sizes = np.diff(np.append(begins, len(keys)))
        torn = begins[sizes > 1]
        share = len(torn) / len(begins)
        places: tuple[RowPlace, ...] = ()
        if len(torn):
            # The key that comes first in the data, as does each of its values.
            numbers = self._pairs[2]
            of_keys = np.minimum.reduceat(numbers, begins)[sizes > 1]
            at = int(np.argmin(of_keys))
            start, size = int(torn[at]), int(sizes[sizes > 1][at])
            rows = np.sort(numbers[start : start + size])
            places = first([self._batches.place(int(row)) for row in rows[:3]])
        return Finding(
            measured=share,
            bound=rule.max_share,
            kept=share <= rule.max_share,
            told=(
                f"{len(torn):,} of {len(begins):,} values of {', '.join(rule.key)} "
                f"({percent(share)}) come with several values of {rule.column!r}; "
                f"{at_most(rule.max_share)}"
            ),
            judged=len(begins),
            left_out=self._left_out,
            places=places,
        )

    def _merge(self) -> None:
        self._pairs = _distinct(np.concatenate([self._pairs, *self._new], axis=1))
        self._new = []


class LeakMeasure:
    """Measures a `Leak`."""

    def __init__(self, rule: Leak) -> None:
        self._rule = rule
        self._seen = {split: RowDigests(rule.key) for split in rule.splits}

    def add(self, rows: Rows) -> None:
        """Takes a batch; of another split, leaves it."""
        if rows.split in self._seen:
            self._seen[rows.split].add(rows)

    def result(self) -> Finding:
        """Returns the share of the second split's rows that are in the first.

        Raises:
            NotMeasurable: One of the two has no rows with a whole key, or too few.
        """
        rule = self._rule
        ours, theirs = (self._seen[split] for split in rule.splits)
        (our_digests, our_numbers), (digests, numbers) = ours.complete(), theirs.complete()
        for split, found in zip(rule.splits, (our_digests, digests), strict=True):
            if not len(found):
                raise NotMeasurable(f"split {split!r}: {_no_key(rule.key)}")
            enough(len(found), rule.min_rows, f"is of split {split!r} and {_has_key(rule.key)}")
        leaked = np.flatnonzero(np.isin(digests, our_digests))
        share = len(leaked) / len(digests)
        places: tuple[RowPlace, ...] = ()
        if len(leaked):
            same = np.flatnonzero(our_digests == digests[leaked[0]])[0]
            places = (theirs.place(numbers[leaked[0]]), ours.place(our_numbers[same]))
        return Finding(
            measured=share,
            bound=rule.max_share,
            kept=share <= rule.max_share,
            told=(
                f"{len(leaked):,} of {len(digests):,} rows ({percent(share)}) of split "
                f"{rule.splits[1]!r} are in {rule.splits[0]!r} too, {_by(rule.key)}; "
                f"{at_most(rule.max_share, 'may be')}"
            ),
            judged=len(digests),
            left_out=theirs.rows - len(digests) + ours.rows - len(our_digests),
            places=places,
        )


def _distinct(pairs: np.ndarray) -> np.ndarray:
    """Returns pairs sorted by key and value, the first row of each."""
    pairs = pairs[:, np.lexsort(pairs[::-1])]
    new = np.any(pairs[:2, 1:] != pairs[:2, :-1], axis=0)
    return pairs[:, np.concatenate([np.ones(min(1, pairs.shape[1]), bool), new])]


def _by(key: tuple[str, ...]) -> str:
    return f"by {', '.join(key)}" if key else "as a whole"


def _has_key(key: tuple[str, ...]) -> str:
    return f"has {', '.join(key)}" if key else "is a whole example"


def _no_key(key: tuple[str, ...]) -> str:
    return f"no row has {', '.join(key)}" if key else "there are no rows"

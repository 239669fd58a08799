"""The rows of one entity on one side: how many, and the different ones among them.

An accumulator (`create`, `add`, `merge`), bounded in memory, and the bytes in which the rows travel
through a join. Which entities belong together is left to `feature_skew`, what their rows have in
common to `feature_mismatches`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tensorflow.core.example import example_pb2

from components.prediction_log_example_gen import keys
from components.skew_validator import feature_values

NEVER: Final = -1  # when a row was served that does not say so

# An entity whose training rows differ leaves open which one a served row should have been. Served
# rows may differ as long as there is one training row; so many do only where the identifiers name
# no entity, and a worker's memory has to hold them.
TRAINING_LIMIT: Final = 1
SERVING_LIMIT: Final = 100

_ROWS, _COUNTS, _FIRST, _TOTAL = "rows", "counts", "first", "total"


@dataclasses.dataclass(kw_only=True)
class EntityRows:
    """What is kept of an entity's rows.

    Attributes:
        limit: How many different rows are kept.
        total: Rows that there were.
        distinct: How often each row occurred, and when first; None once there were too many.
    """

    limit: int
    total: int = 0
    distinct: dict[bytes, tuple[int, int]] | None = dataclasses.field(default_factory=dict)

    def add(self, row: bytes, served_sec: int) -> EntityRows:
        """Takes a row."""
        self.total += 1
        self._count(row, 1, served_sec)
        return self

    def merge(self, other: EntityRows) -> EntityRows:
        """Takes the rows of another accumulator."""
        self.total += other.total
        if other.distinct is None:
            self.distinct = None
            return self
        for row, (count, first) in other.distinct.items():
            self._count(row, count, first)
        return self

    def _count(self, row: bytes, count: int, served_sec: int) -> None:
        if self.distinct is None:
            return
        known, first = self.distinct.get(row, (0, NEVER))
        self.distinct[row] = (known + count, earlier(first, served_sec))
        if len(self.distinct) > self.limit:
            self.distinct = None


def earlier(one_sec: int, other_sec: int) -> int:
    """Returns the earlier of two times; one that is not known is later than any other."""
    known = [second for second in (one_sec, other_sec) if second != NEVER]
    return min(known, default=NEVER)


def encode(found: EntityRows) -> bytes:
    """Returns the bytes in which rows travel."""
    packed = example_pb2.Example()
    feature = packed.features.feature
    feature[_TOTAL].int64_list.value.append(found.total)
    for row, (count, first) in sorted((found.distinct or {}).items()):
        feature[_ROWS].bytes_list.value.append(row)
        feature[_COUNTS].int64_list.value.append(count)
        feature[_FIRST].int64_list.value.append(first)
    return packed.SerializeToString(deterministic=True)


def decode(text: bytes) -> EntityRows:
    """Returns what `encode` was given, save for its limit."""
    feature = example_pb2.Example.FromString(text).features.feature
    total = feature[_TOTAL].int64_list.value[0]
    rows, counts, firsts = (
        feature[_ROWS].bytes_list.value,
        feature[_COUNTS].int64_list.value,
        feature[_FIRST].int64_list.value,
    )
    distinct = {row: (count, first) for row, count, first in zip(rows, counts, firsts, strict=True)}
    too_many = total and not distinct
    return EntityRows(limit=0, total=total, distinct=None if too_many else distinct)


def read(
    record: bytes, identifiers: Sequence[str], wanted: Iterable[str] | None, ignored: frozenset[str]
) -> tuple[bytes, tuple[bytes, int]]:
    """Reads a row.

    Args:
        record: A serialized tf.Example.
        identifiers: Features that together name an entity, in one order for all rows.
        wanted: Features to keep; None for all.
        ignored: Features not to keep. Columns that were added to served rows never are.

    Returns:
        The entity's key, empty where an identifier is missing; and the row without what is not
        compared, identifiers among it, in one form for equal rows, with the second it was served.
    """
    example = example_pb2.Example.FromString(record)
    feature = example.features.feature
    key = feature_values.key_of([_values(feature, name) for name in identifiers])
    served = _values(feature, keys.SERVED_AT)
    served_sec = int(served.values[0]) if served.kind == "integer" else NEVER
    kept = None if wanted is None else frozenset(wanted)
    for name in list(feature):
        if not _keeps(name, identifiers, kept, ignored):
            del feature[name]
    return key, (example.SerializeToString(deterministic=True), served_sec)


def _keeps(
    name: str, identifiers: Sequence[str], wanted: frozenset[str] | None, ignored: frozenset[str]
) -> bool:
    if name in identifiers:
        return True
    if keys.is_extra(name) or name in ignored:
        return False
    return wanted is None or name in wanted


def _values(feature: Any, name: str) -> feature_values.Values:
    return feature_values.values_of(feature.get(name))

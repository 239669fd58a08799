"""Columns of a batch of rows, one value a row or none, as rules look at them.

A value is missing where the example has no such feature, an empty one, or NaN. An empty text is a
value.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.data_quality_validator import digests
from components.data_quality_validator.errors import NotMeasurable


class Kind(enum.Enum):
    """What a column holds, by its name in the schema."""

    INT = "INT"
    FLOAT = "FLOAT"
    BYTES = "BYTES"


@dataclasses.dataclass(frozen=True)
class Column:
    """One value a row.

    Attributes:
        kind: Of the values.
        known: Whether a row has one, bool, shape `(rows,)`.
        numbers: Where they are numbers: int64, or the float64 that equals the float32 of the
            example; shape `(rows,)`, 0 where missing. Else empty.
        texts: Where they are texts: large_binary, null where missing. Else empty.
    """

    kind: Kind
    known: np.ndarray
    numbers: np.ndarray
    texts: pa.Array

    def shown(self, row: int) -> str:
        """Returns the value of a row for a reader."""
        if not self.known[row]:
            return "(missing)"
        if self.kind is Kind.BYTES:
            return repr(self.texts[row].as_py().decode("utf-8", "backslashreplace"))
        if self.kind is Kind.INT:
            return str(int(self.numbers[row]))
        return str(np.float32(self.numbers[row]))


def column(values: pa.Array, kind: Kind, name: str) -> Column:
    """Returns a column of what tfx-bsl decodes: a list of values for each row.

    Args:
        values: Of large_list, or of null.
        kind: What they have to be.
        name: Of the column, for the message.

    Raises:
        NotMeasurable: A row has several values.
    """
    rows = len(values)
    if pa.types.is_null(values.type):
        values = pa.nulls(rows, pa.large_list(_TYPES[kind]))
    lengths = pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    if rows and (most := int(lengths.max())) > 1:
        raise NotMeasurable(f"column {name!r} has up to {most} values in a row; a rule takes one")
    known = lengths == 1
    flat = values.flatten()
    places = np.cumsum(known) - 1
    if kind is Kind.BYTES:
        flat = flat.cast(pa.large_binary())
        texts = flat.take(pa.array(places, pa.int64(), mask=~known))
        return Column(kind, known, np.zeros(0), texts)
    dtype = np.int64 if kind is Kind.INT else np.float64
    numbers = np.zeros(rows, dtype)
    numbers[known] = flat.to_numpy(zero_copy_only=False)
    nan = np.isnan(numbers)
    return Column(kind, known & ~nan, np.where(nan, 0, numbers), _NO_TEXTS)


class Rows:
    """A batch of rows of one split; columns and digests are made when they are first asked for.

    Attributes:
        split: Name of the split.
        start: Number of the first row within the split, from 0.
        serialized: The examples, as they stand in their file.
    """

    def __init__(
        self, split: str, start: int, serialized: Sequence[bytes], decode: Callable[[str], Column]
    ) -> None:
        """Takes a batch.

        Args:
            split: Name of the split.
            start: Number of the first row within the split.
            serialized: One for each row.
            decode: Makes a column by name, or raises `NotMeasurable`.
        """
        self.split = split
        self.start = start
        self.serialized = serialized
        self._decode = decode
        self._columns: dict[str, Column | NotMeasurable] = {}
        self._digests: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.serialized)

    def column(self, name: str) -> Column:
        """Returns a column.

        Raises:
            NotMeasurable: There is none, or not of the type that the schema says.
        """
        if name not in self._columns:
            try:
                self._columns[name] = self._decode(name)
            except NotMeasurable as reason:
                self._columns[name] = reason
        found = self._columns[name]
        if isinstance(found, NotMeasurable):
            raise found
        return found

    def digests(self, key: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Returns what stands for the values of some columns, or of a whole row.

        Args:
            key: The columns; none for the whole example, byte by byte.

        Returns:
            Digests, uint64, and whether none of the values is missing, bool; shapes `(rows,)`.

        Raises:
            NotMeasurable: As `column`.
        """
        if key not in self._digests:
            self._digests[key] = (
                digests.of_columns([self.column(name) for name in key])
                if key
                else (digests.of_texts(self.serialized), np.ones(len(self), bool))
            )
        return self._digests[key]


def in_memory(kinds: Mapping[str, Kind], rows: Sequence[Mapping[str, object]]) -> dict[str, Column]:
    """Returns columns of rows that are at hand, such as a test's; None is a missing value."""
    made = {}
    for name, kind in kinds.items():
        cells = [row.get(name) for row in rows]
        lists = [[] if cell is None else [cell] for cell in cells]
        made[name] = column(pa.array(lists, pa.large_list(_TYPES[kind])), kind, name)
    return made


_TYPES = {Kind.INT: pa.int64(), Kind.FLOAT: pa.float32(), Kind.BYTES: pa.large_binary()}
_NO_TEXTS = pa.array([], pa.large_binary())

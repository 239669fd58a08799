"""What type a column of text has, and its values in that type. Pure functions.

The rules are CsvExampleGen's, which are Python's: an int is what `int` takes and 64 bits hold, a
float what `float` takes, and a number too large for an int is text. Arrow reads the plain ones of
them a block at a time. Where it refuses a block (for a plus sign, spaces, underscores, or text),
Python looks at each value.

    "1", "", "2"      INT      1, missing, 2
    "1", "2.5"        FLOAT    1.0, 2.5
    "1", "one"        BYTES    "1", "one"
    "", ""            UNKNOWN

Source: tfx_bsl/coders/csv_decoder.py, `_InferValueType`; csv_example_gen/executor.py, handlers.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_DIGITS_OF_LONG_INTS = 19  # with fewer characters, every int has 64 bits

# What Arrow takes for something else than Python does: 0x1F for an int (Python: text), nan(1) for a
# float (text), +5 for a float in newer releases (int), too long an int for a float (text).
_HEXADECIMAL = "[xX]"
_ONLY_ARROWS_FLOAT = "[(]|^[+]"
_WHOLE = "^-?[0-9]+$"


class ColumnType(enum.IntEnum):
    """From special to general; a column has the most general type of its values."""

    UNKNOWN = 0
    INT = 1
    FLOAT = 2
    BYTES = 3


ARROW_TYPES = {
    ColumnType.UNKNOWN: pa.null(),
    ColumnType.INT: pa.int64(),
    ColumnType.FLOAT: pa.float32(),
    ColumnType.BYTES: pa.large_binary(),
}


def infer_cell(cell: str) -> ColumnType:
    """Returns the type of one value; that of an empty one is unknown."""
    if not cell:
        return ColumnType.UNKNOWN
    text = cell.encode()  # CsvExampleGen reads bytes: digits of other scripts are no digits
    try:
        fits = _INT64_MIN <= int(text) <= _INT64_MAX
    except ValueError:
        return ColumnType.FLOAT if _is_float(text) else ColumnType.BYTES
    return ColumnType.INT if fits else ColumnType.BYTES


def _is_float(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def infer(cells: pa.Array, known: ColumnType = ColumnType.UNKNOWN) -> ColumnType:
    """Returns the most general type of values.

    Args:
        cells: Texts, empty where a value is missing; no nulls.
        known: That of the blocks before.
    """
    if known == ColumnType.BYTES:
        return known
    present = cells.filter(pc.not_equal(cells, ""))
    if not len(present):
        return known
    return max(known, _infer_plain(present) or _infer_each(present))


def _infer_plain(present: pa.Array) -> ColumnType | None:
    if _cast(present, pa.int64()) is not None:
        return None if _any(present, _HEXADECIMAL) else ColumnType.INT
    if _cast(present, pa.float64()) is None or _any(present, _ONLY_ARROWS_FLOAT):
        return None
    long = present.filter(pc.greater_equal(pc.binary_length(present), _DIGITS_OF_LONG_INTS))
    return None if _any(long, _WHOLE) else ColumnType.FLOAT


def _infer_each(present: pa.Array) -> ColumnType:
    found = ColumnType.UNKNOWN
    for cell in present.unique():
        found = max(found, infer_cell(cell.as_py()))
        if found == ColumnType.BYTES:
            break
    return found


def typed(cells: pa.Array, column_type: ColumnType) -> pa.Array:
    """Returns values in the type of their column, null where they are missing.

    Args:
        cells: Texts, empty where a value is missing; no nulls.
        column_type: At least as general as `infer` finds.

    Returns:
        An array of `ARROW_TYPES[column_type]`. Floats are rounded to 64 bits first and to 32 then,
        as in CsvExampleGen, and so is what leaves the range of 32 bits infinite.

    Raises:
        ValueError: A value has a more general type.
    """
    if column_type == ColumnType.UNKNOWN:
        return pa.nulls(len(cells))
    present = pc.if_else(pc.not_equal(cells, ""), cells, pa.scalar(None, pa.string()))
    if column_type == ColumnType.BYTES:
        return present.cast(pa.binary()).cast(pa.large_binary())
    wide, parse = _NUMBERS[column_type]
    numbers = _cast(present, wide)
    if numbers is None:
        numbers = pa.array(_parsed(present, parse), type=wide)
    return numbers.cast(ARROW_TYPES[column_type])


_NUMBERS: dict[ColumnType, tuple[pa.DataType, Callable[[bytes], Any]]] = {
    ColumnType.INT: (pa.int64(), int),
    ColumnType.FLOAT: (pa.float64(), float),
}


def _parsed(present: pa.Array, parse: Callable[[bytes], Any]) -> Iterable[Any]:
    return [None if text is None else parse(text.encode()) for text in present.to_pylist()]


def _cast(texts: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(wanted)
    except pa.ArrowInvalid:
        return None


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())

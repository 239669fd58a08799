"""The cells of a drop file, CSV or Parquet, row by row; or why it cannot be read.

    LabelFileError        a file that cannot be used
    ├── TornFileError     it ends too soon: it may be complete the next time
    └── UnfitFileError    it lacks columns, or is no such file at all

What cells mean is for `label_rows`.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from components.feedback_join.drop_folder import CSV

_PARQUET_MAGIC = b"PAR1"

# What Python's values of Parquet's cells may raise. pyarrow's own are among them.
_CELL_ERRORS = (ValueError, ArithmeticError, LookupError, TypeError)

Row = tuple[int, Any]  # its line, and its cells or why there are none


class LabelFileError(Exception):
    """A file that cannot be used; the message says why, without the file's name."""


class TornFileError(LabelFileError):
    """A file that ends too soon."""


class UnfitFileError(LabelFileError):
    """A file that lacks columns, or is no such file at all."""


def cells_of(path: Path, needed: Collection[str]) -> tuple[Sequence[str], list[Row]]:
    """Returns the columns of a file, and its rows as they stand in it.

    Args:
        path: Of a CSV or Parquet file.
        needed: Of Parquet, other columns are not read.

    Raises:
        LabelFileError: Of either kind.
        OSError: It cannot be read.
    """
    rows = list(_csv_rows(path) if path.name.endswith(CSV) else _parquet_rows(path, needed))
    if not rows:
        raise UnfitFileError("it has no columns")
    return rows[0][1], rows[1:]


def csv_rows(lines: Sequence[str]) -> Iterator[Row]:
    """Yields the rows of CSV; of one that is none only its first line is passed over.

    A quote that stands by mistake would else take in all rows up to the next one.

    Args:
        lines: With their ends.
    """
    begin = 0
    while begin < len(lines):
        # From here on, without a copy of the rest for each mistake.
        reader = csv.reader(map(lines.__getitem__, range(begin, len(lines))), strict=True)
        start = begin
        try:
            for cells in reader:
                begin = start + reader.line_num
                yield begin, cells
        except csv.Error as error:
            begin += 1
            yield begin, f"no CSV: {error}"


def _csv_rows(path: Path) -> Iterator[Row]:
    _check_last_line(path)
    # Bytes that are no UTF-8 spoil the row that they stand in, not the file.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = file.readlines()
    width = -1
    for line, cells in csv_rows(lines):
        if width < 0 and isinstance(cells, str):
            raise UnfitFileError(f"its first line is {cells}")
        if not cells:  # an empty line
            continue
        width = len(cells) if width < 0 else width
        if isinstance(cells, str) or len(cells) == width:
            yield line, cells
        else:
            yield line, f"expected {width} cells, received {len(cells)}"


def _check_last_line(path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not size:
            raise TornFileError("it is empty")
        file.seek(size - 1)
        if file.read(1) not in {b"\n", b"\r"}:
            raise TornFileError("its last line does not end")


def _parquet_rows(path: Path, needed: Collection[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    _check_magic(path)
    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            if len(set(header)) < len(header):
                raise UnfitFileError(f"expected each column once, received {', '.join(header)}")
            yield 0, header
            done = 0
            for batch in file.iter_batches(columns=[name for name in header if name in needed]):
                nothing = [None] * batch.num_rows
                columns = [
                    _values(batch.column(name)) if name in needed else nothing for name in header
                ]
                yield from enumerate(map(_whole, zip(*columns, strict=True)), start=done + 1)
                done += batch.num_rows
    # pyarrow raises any of them.
    except (pa.ArrowException, OSError, *_CELL_ERRORS) as error:
        raise UnfitFileError(f"it cannot be read as Parquet: {error}") from error


class _Spoilt(str):
    """Why a cell cannot be read."""

    __slots__ = ()


def _values(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except _CELL_ERRORS:  # one of them: a time without end, a zone that nobody knows, no UTF-8
        return [_value(cell) for cell in column]
    return values


def _value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except _CELL_ERRORS as error:
        return _Spoilt(f"a {cell.type} that cannot be read: {error}")


def _whole(cells: tuple[Any, ...]) -> Any:
    """Returns cells, or why they cannot be read."""
    spoilt = [cell for cell in cells if isinstance(cell, _Spoilt)]
    return str(spoilt[0]) if spoilt else cells


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size and file.read(4) != _PARQUET_MAGIC[:size]:
            raise UnfitFileError("it does not begin as Parquet does")
        file.seek(max(0, size - 4))
        # The shortest file has the magic twice and an empty footer's length between.
        if size < 12 or file.read(4) != _PARQUET_MAGIC:
            raise TornFileError("it does not end as Parquet does")

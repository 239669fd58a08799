"""Reads CSV files row by row, exactly as CsvExampleGen does, and finds what is wrong with one.

It is the slow way, for files that Arrow refuses: either there is a fault, which is told with its
line, or they are read so. CsvExampleGen splits the header at each comma without minding quotes; a
record goes on over line breaks until its quotes are even; blank lines are left out.

Source: csv_example_gen/executor.py, `_ReadCsvRecordsFromTextFile`; tfx/utils/io_utils.py,
`load_csv_column_names`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from components.arrow_example_gen.errors import InputError

# A longer record is taken for an open quote, so that one cannot fill the memory.
MAX_RECORD_BYTES = 16 * 2**20


def column_names(path: str, file: BinaryIO) -> list[str]:
    """Reads the header.

    Args:
        path: To name the file in errors.
        file: Open at its start; afterwards it is at the first row.

    Raises:
        InputError: It is not UTF-8, or a name stands twice in it.
    """
    names = _decoded(path, 1, file.readline()).strip().split(",")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"{path}, line 1: expected a different name for each column, received {twice!r} more "
            "than once. Rename or drop one of the columns."
        )
    return names


def rows(path: str, file: BinaryIO, columns: int) -> Iterator[list[str]]:
    """Yields the cells of each row that is not blank.

    Args:
        path: To name the file in errors.
        file: Open at the first row, which is line 2.
        columns: How many cells a row has to have.

    Raises:
        InputError: A row is not UTF-8, leaves a quote open, or has more or fewer cells.
    """
    line = 2
    while record := _read_record(path, file, line):
        cells = _cells(path, line, record)
        if cells and len(cells) != columns:
            raise InputError(
                f"{path}, line {line}: expected {columns} cells as in the header, received "
                f"{len(cells)}. Mend or drop that row; a comma inside a value needs quotes "
                "around it."
            )
        if cells:
            yield cells
        line += record.count("\n")


def _read_record(path: str, file: BinaryIO, line: int) -> str:
    parts: list[bytes] = []
    size = quotes = 0
    while part := file.readline():
        parts.append(part)
        size += len(part)
        quotes += part.count(b'"')
        if quotes % 2 == 0 or size > MAX_RECORD_BYTES:
            break
    if quotes % 2:
        raise InputError(
            f"{path}, line {line}: a quote is opened here and not closed within "
            f"{size:,} bytes. Close it; a quote inside a value has to be doubled."
        )
    return _decoded(path, line, b"".join(parts))


def _decoded(path: str, line: int, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = line + data[: error.start].count(b"\n")
        raise InputError(
            f"{path}, line {at}: expected UTF-8, received the byte {data[error.start]:#04x}. "
            "Save the file as UTF-8, uncompressed."
        ) from error


def _cells(path: str, line: int, record: str) -> list[str]:
    try:
        return next(csv.reader(_once(record)))
    except csv.Error as error:
        raise InputError(
            f"{path}, line {line}: expected one row of CSV, received something else ({error}). "
            "Put quotes around a value with a line break or a quote in it, and double the quote."
        ) from error


def _once(record: str) -> Iterator[str]:
    """Yields a record, and refuses to go on where a quote is open although they are even in number.

    CsvExampleGen's reader is given the same record again there, and never comes to an end.
    """
    yield record
    raise csv.Error("a quote is left open")

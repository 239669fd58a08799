"""Reads the CSV files of an input split, by the column, as CsvExampleGen would by the row.

Files are read twice, a block at a time: to find each column's type over all of them, and to give
the values in it. So memory holds blocks, never a file. What types there are is for `column_types`;
files that Arrow refuses are for `csv_records`.

Some files that CsvExampleGen refuses are read: a lone carriage return ends a row, and a quote in a
value that did not begin with one stands for itself, as long as quotes are even in number.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pa_csv

from components.arrow_example_gen import csv_records
from components.arrow_example_gen.column_types import ColumnType, infer, typed
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.files import BUFFER_BYTES, open_file

BLOCK_BYTES = 4 * 2**20
_ROWS_AT_ONCE = 10_000

_LOGGER = logging.getLogger(__name__)

Blocks = Iterator[list[pa.Array]]


def read(paths: Sequence[str], block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """Yields the rows of files, in their order.

    Args:
        paths: At least one file.
        block_bytes: How much of a file to look at at once.

    Returns:
        Batches of columns of `column_types.ARROW_TYPES`, null where a value is missing.

    Raises:
        InputError: The headers differ, or a row cannot be read; the message names file and line.
    """
    names = _common_names(paths)
    types = [ColumnType.UNKNOWN] * len(names)
    readers: list[Callable[[], Blocks]] = []
    for path in paths:
        reader, types = _scan(path, types, block_bytes)
        readers.append(reader)
    for block in itertools.chain.from_iterable(reader() for reader in readers):
        columns = [typed(cells, kind) for cells, kind in zip(block, types, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names)


def _common_names(paths: Sequence[str]) -> list[str]:
    names: list[str] = []
    for path in paths:
        with open_file(path) as file:
            found = csv_records.column_names(path, file)
        if names and found != names:
            raise InputError(
                f"{path}: expected the header of {paths[0]}, {names}, received {found}. Files of "
                "one split need the same columns in the same order."
            )
        names = found
    return names


def _scan(
    path: str, types: list[ColumnType], block_bytes: int
) -> tuple[Callable[[], Blocks], list[ColumnType]]:
    """Returns how to read a file, and the types with its values taken into account."""
    by_column = functools.partial(_arrow_blocks, path, len(types), block_bytes)
    by_row = functools.partial(_python_blocks, path, len(types))
    try:
        found, last = _inferred(by_column(), types)
    except pa.ArrowInvalid as error:
        _LOGGER.info("%s: read row by row, since Arrow says: %s", path, error)
    else:
        # At an open quote Arrow takes the rest of the file for one value.
        if _quotes(path) % 2 == 0 and not _ends_open(path, last):
            return by_column, found
    return by_row, _inferred(by_row(), types)[0]


def _quotes(path: str) -> int:
    with open_file(path) as file:
        file.readline()
        return sum(part.count(b'"') for part in iter(lambda: file.read(BUFFER_BYTES), b""))


def _ends_open(path: str, last: str) -> bool:
    """Returns whether a file may end in an opening quote and its last value."""
    tail = ('"' + last.replace('"', '""')).encode()
    with open_file(path) as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(tail)))
        return file.read() == tail


def _inferred(blocks: Blocks, types: list[ColumnType]) -> tuple[list[ColumnType], str]:
    """Returns types with the values of blocks taken into account, and the very last value."""
    last = ""
    for block in blocks:
        types = [infer(cells, known) for cells, known in zip(block, types, strict=True)]
        last = block[-1][-1].as_py()
    return types, last


def _arrow_blocks(path: str, columns: int, block_bytes: int) -> Blocks:
    places = [str(place) for place in range(columns)]  # names are for the caller
    with open_file(path) as file:
        file.readline()
        reader = pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(column_names=places, block_size=block_bytes),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False
            ),
        )
        for batch in reader:
            if batch.num_rows:
                yield batch.columns


def _python_blocks(path: str, columns: int) -> Blocks:
    with open_file(path) as file:
        file.readline()
        rows = csv_records.rows(path, file, columns)
        while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            yield [pa.array(cells, pa.string()) for cells in zip(*some, strict=True)]

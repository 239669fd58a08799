"""Reads CSV files the way CsvExampleGen does, keeping the line numbers that it forgets.

CsvExampleGen, and ArrowExampleGen after it, splits the header at each comma without minding quotes,
and lets a record go on over line breaks until its quotes are even. What it would choke on is raised
here as a `CsvRowError` that names file and line. Whether the values are right is left to
`pipelines.diagnosis`, whether the columns are to `pipelines.preflight`.

Source: tfx/components/example_gen/csv_example_gen/executor.py, tfx_bsl/coders/csv_decoder.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipelines.errors import DataError

# A longer record is taken for an open quote, or a file that is no text at all; so the work that
# one damaged file can make stays bounded.
MAX_RECORD_BYTES = 4 * 2**20

# First bytes of what is often put where a CSV file belongs.
_SIGNATURES = {
    b"\x1f\x8b": ("gzip-compressed", "Unpack it first, for example with gunzip."),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "Unpack it, or export it as CSV."),
    b"PAR1": ("a Parquet file", "Name it .parquet, or convert it to CSV."),
    b"\xff\xfe": ("UTF-16 text", "Save it as UTF-8."),
    b"\xfe\xff": ("UTF-16 text", "Save it as UTF-8."),
    b"\xef\xbb\xbf": (
        "UTF-8 with a byte order mark, which would become part of the first column's name",
        "Save it as UTF-8 without a byte order mark.",
    ),
}


class CsvRowError(DataError):
    """A place in a CSV file that cannot be read.

    Attributes:
        path: The file.
        line: Number of the line, from 1.
    """

    def __init__(self, path: Path, line: int, message: str, *, remedy: str) -> None:
        super().__init__(f"{path}, line {line}: {message}", remedy=remedy)
        self.path = path
        self.line = line


class Record(NamedTuple):
    """One row of a CSV file.

    Attributes:
        line: Number of its first line in the file, from 1; the header is line 1.
        cells: One text per column.
    """

    line: int
    cells: list[str]


def header(path: Path) -> list[str]:
    """Returns a file's column names as CsvExampleGen takes them: quotes are kept.

    Raises:
        CsvRowError: The first line is empty, or no UTF-8 text.
        DataError: The file cannot be opened.
    """
    with _open(path) as file:
        return _read_header(path, file)


def records(path: Path) -> Iterator[Record]:
    """Yields the rows of a file that has a header, one after another; blank lines are skipped.

    Raises:
        CsvRowError: A row is not UTF-8, has a quote left open, or another number of cells than
            the header has.
        DataError: The file cannot be opened.
    """
    with _open(path) as file:
        columns = _read_header(path, file)
        line = 2
        while raw := _read_record(path, file, line):
            cells = _parse(path, line, raw)
            if cells and len(cells) != len(columns):
                raise CsvRowError(
                    path,
                    line,
                    f"expected {len(columns)} cells as in the header, received {len(cells)}",
                    remedy="Mend or drop that row; a comma inside a value needs quotes around it.",
                )
            if cells:
                yield Record(line, cells)
            line += raw.count(b"\n")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror}",
            remedy="Allow the user that runs ringway to read it, or move it out of the folder.",
        ) from error


def _read_header(path: Path, file: BinaryIO) -> list[str]:
    raw = file.readline(MAX_RECORD_BYTES)
    for signature, (found, remedy) in _SIGNATURES.items():
        if raw.startswith(signature):
            raise CsvRowError(
                path, 1, f"expected a CSV header in UTF-8, received {found}", remedy=remedy
            )
    text = _decode(path, 1, raw).strip()
    if len(raw) >= MAX_RECORD_BYTES:
        raise CsvRowError(
            path,
            1,
            f"expected a header of less than {MAX_RECORD_BYTES} bytes",
            remedy="Put CSV files only into the data folder.",
        )
    if not text:
        raise CsvRowError(
            path,
            1,
            "expected column names separated by commas, received an empty line",
            remedy="Write the header on the first line, or move the file out of the folder.",
        )
    if "\r" in text:
        raise CsvRowError(
            path,
            1,
            "expected lines that end in LF or CRLF, received CR alone",
            remedy="Convert the line ends, for example with: tr '\\r' '\\n'",
        )
    return text.split(",")


def _read_record(path: Path, file: BinaryIO, line: int) -> bytes:
    pieces: list[bytes] = []
    size = quotes = 0
    while piece := file.readline(MAX_RECORD_BYTES):
        pieces.append(piece)
        size += len(piece)
        quotes += piece.count(b'"')
        if size >= MAX_RECORD_BYTES:
            break
        if quotes % 2 == 0:
            return b"".join(pieces)
    if not pieces:
        return b""
    if quotes % 2 == 0:
        raise CsvRowError(
            path,
            line,
            f"expected a row of less than {MAX_RECORD_BYTES} bytes",
            remedy="Put CSV files only into the data folder.",
        )
    raise CsvRowError(
        path,
        line,
        "the row that begins here does not end: a quote is left open",
        remedy='Close the quote; a quote inside a quoted value is written twice ("").',
    )


def _parse(path: Path, line: int, raw: bytes) -> list[str]:
    try:
        return next(csv.reader([_decode(path, line, raw)]))
    except csv.Error as error:
        raise CsvRowError(
            path, line, f"not a row of CSV: {error}", remedy="Mend that row."
        ) from error


def _decode(path: Path, line: int, raw: bytes) -> str:
    if b"\0" in raw:
        raise CsvRowError(
            path,
            line,
            "expected UTF-8 text, received binary data",
            remedy="Put CSV files only into the data folder.",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        raise CsvRowError(
            path,
            at,
            f"expected UTF-8 text, received the byte 0x{raw[error.start]:02x}",
            remedy="Convert the file, for example with: iconv -f latin1 -t utf-8",
        ) from error

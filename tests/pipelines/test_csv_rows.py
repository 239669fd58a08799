"""CSV files, read as CsvExampleGen reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import csv_rows
from pipelines.csv_rows import CsvRowError, Record


def write(folder: Path, content: bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_records_carry_the_line_they_begin_on(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\r\n1,"x\ny"\r\n\r\n2,"say ""hi"", then"\n3,\n')
    assert list(csv_rows.records(path)) == [
        Record(2, ["1", "x\ny"]),
        Record(5, ["2", 'say "hi", then']),
        Record(6, ["3", ""]),
    ]


def test_a_last_line_without_a_line_break_is_read(tmp_path: Path) -> None:
    assert list(csv_rows.records(write(tmp_path, b"a\n1"))) == [Record(2, ["1"])]


def test_a_header_is_split_at_commas_and_keeps_quotes(tmp_path: Path) -> None:
    assert csv_rows.header(write(tmp_path, b' a,"b", c\r\n')) == ["a", '"b"', " c"]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a,b\n1,2\n3\n", 3, "expected 2 cells as in the header, received 1"),
        (b"a,b\n1,2,3\n", 2, "expected 2 cells as in the header, received 3"),
        (b'a,b\n1,"x\n2,y\n3,z\n', 2, "a quote is left open"),
        (b"a\nfine\nM\xfcnchen\n", 3, "expected UTF-8 text, received the byte 0xfc"),
        (b'a\n"x\n\xfc"\n', 3, "expected UTF-8 text, received the byte 0xfc"),
        (b"a\n1\n\0\0\n", 3, "binary data"),
        (b"a\n" + b"x" * 200_000 + b"\n", 2, "not a row of CSV: field larger"),
        (b"", 1, "received an empty line"),
        (b"\na,b\n", 1, "received an empty line"),
        (b"a,b\r1,2\r", 1, "received CR alone"),
        (b"\x1f\x8b\x08\0", 1, "gzip-compressed"),
        (b"PK\x03\x04", 1, "a zip archive or a spreadsheet"),
        (b"PAR1", 1, "a Parquet file"),
        (b"\xff\xfea\0,\0", 1, "UTF-16"),
        (b"\xef\xbb\xbfa,b\n1,2\n", 1, "byte order mark"),
        (b"\x7fELF\x02\0", 1, "binary data"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(
    tmp_path: Path, content: bytes, line: int, said: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CsvRowError) as caught:
        list(csv_rows.records(path))
    assert (caught.value.path, caught.value.line) == (path, line)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert said in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [b"x" * csv_rows.MAX_RECORD_BYTES + b"\n1\n", b"a\n" + b"x," * csv_rows.MAX_RECORD_BYTES],
)
def test_a_line_without_end_is_given_up(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CsvRowError, match=f"less than {csv_rows.MAX_RECORD_BYTES} bytes"):
        list(csv_rows.records(write(tmp_path, content)))


def test_an_open_quote_is_not_followed_through_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.write(b'a\n"open\n')
        file.truncate(50 * 2**30)  # sparse: reading on would take minutes
    with pytest.raises(CsvRowError, match="a quote is left open"):
        list(csv_rows.records(path))

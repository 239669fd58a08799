"""CSV files by the column: blocks, headers, and what is told of a file that cannot be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.arrow_example_gen import csv_source
from components.arrow_example_gen.errors import InputError


def read(folder: Path, *texts: str | bytes, **parameters: Any) -> list[pa.RecordBatch]:
    paths = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        paths.append(str(path))
    return list(csv_source.read(paths, **parameters))


def test_blocks_are_joined_where_rows_end(tmp_path: Path) -> None:
    rows = [[str(row), f'line {row}\nand "more", of it' * (row % 5)] for row in range(500)]
    file = io.StringIO()
    csv.writer(file).writerows([["a", "b"], *rows])
    batches = read(tmp_path, file.getvalue(), block_bytes=1000)
    assert len(batches) > 10
    expected = [{"a": int(a), "b": b.encode() or None} for a, b in rows]
    assert pa.Table.from_batches(batches).to_pylist() == expected


def test_a_type_that_shows_in_the_last_block_is_that_of_all(tmp_path: Path) -> None:
    batches = read(tmp_path, "a\n" + "1\n" * 5000 + "x\n", block_bytes=1000)
    assert len(batches) > 5
    assert {batch.schema.field("a").type for batch in batches} == {pa.large_binary()}


def test_a_row_longer_than_a_block_is_read(tmp_path: Path) -> None:
    long = "x" * 5000
    (batch,) = read(tmp_path, f"a,b\n1,{long}\n2,y\n", block_bytes=1000)
    assert batch.to_pylist() == [{"a": 1, "b": long.encode()}, {"a": 2, "b": b"y"}]


def test_quotes_within_a_value_stand_for_themselves(tmp_path: Path) -> None:
    # CsvExampleGen refuses this file.
    (batch,) = read(tmp_path, 'size,b\n5" pipe,1\n6" pipe,2\n')
    assert [row["size"] for row in batch.to_pylist()] == [b'5" pipe', b'6" pipe']


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a,b\n1,2\n3\n", 3, "expected 2 cells as in the header, received 1"),
        ("a,b\n1,2\n\n3,4,5\n", 4, "expected 2 cells as in the header, received 3"),
        ('a,b\n"x\ny",1\n2\n', 4, "received 1"),
        ('a,b\n1,2\n3,"open\n4,5\n', 3, "a quote is opened here and not closed"),
        ('a\n1\n"open\n2\n3\n', 3, "a quote is opened here and not closed"),
        ('a,b\n1,2\nmid"dle,"open\n4,5\n', 3, "a quote is left open"),
        (b"a,b\n1,x\n2,\xff\n", 3, "expected UTF-8, received the byte 0xff"),
        (b"\xff\xfea\x00\n\x00", 1, "expected UTF-8, received the byte 0xff"),
        ("a,b,a\n1,2,3\n", 1, "received 'a' more than once"),
    ],
)
def test_what_cannot_be_read_is_told_by_file_and_line(
    tmp_path: Path, text: str | bytes, line: int, message: str
) -> None:
    with pytest.raises(InputError) as told:
        read(tmp_path, text)
    assert str(told.value).startswith(f"{tmp_path}/0.csv, line {line}: ")
    assert message in str(told.value)


def test_a_fault_in_a_later_block_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2002: expected 2 cells"):
        read(tmp_path, "a,b\n" + "1,x\n" * 2000 + "1\n", block_bytes=1000)


def test_files_of_a_split_need_one_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.csv: expected the header of .*0\.csv, \['a', 'b'\]"):
        read(tmp_path, "a,b\n1,2\n", "b,a\n1,2\n")


def test_rows_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    table = pa.Table.from_batches(read(tmp_path, "a\n1\n2\n", "a\n", "a\n3\n"))
    assert table.to_pylist() == [{"a": 1}, {"a": 2}, {"a": 3}]

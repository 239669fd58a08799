"""Which files a split has, and reading them here and through TensorFlow's file systems."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.arrow_example_gen import csv_source, files, parquet_source
from components.arrow_example_gen.errors import InputError

SCHEMES = ["", "file://"]  # the second is opened by TensorFlow, as gs:// is


@pytest.mark.parametrize("scheme", SCHEMES)
def test_files_are_found_by_pattern_in_order(tmp_path: Path, scheme: str) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("a\n")
    found = files.matching(f"{scheme}{tmp_path}", "*.csv")
    assert found == [f"{scheme}{tmp_path}/a.csv", f"{scheme}{tmp_path}/b.csv"]
    with pytest.raises(InputError, match="No file matches"):
        files.matching(f"{scheme}{tmp_path}", "*.tsv")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_is_read_from_anywhere_and_to_its_end(tmp_path: Path, scheme: str) -> None:
    data = bytes(range(256)) * 10_000  # more than a buffer
    (tmp_path / "file").write_bytes(data)
    with files.open_file(f"{scheme}{tmp_path}/file") as file:
        assert file.read() == data
        assert file.read() == b""
        assert file.seek(-3, 2) == len(data) - 3
        assert file.read(2) == data[-3:-1]
        file.seek(255)
        assert file.read(2) == b"\xff\x00"
    assert file.closed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_formats_are_read_through_both(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"x\ny"\n2,\n')
    pq.write_table(pa.table({"a": [1, 2], "b": ["x\ny", None]}), tmp_path / "a.parquet")
    expected = [{"a": 1, "b": b"x\ny"}, {"a": 2, "b": None}]
    for source, name in ((csv_source, "a.csv"), (parquet_source, "a.parquet")):
        (batch,) = source.read([f"{scheme}{tmp_path}/{name}"])
        assert batch.to_pylist() == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_fault_is_told_by_its_line_through_both(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InputError, match=r"a\.csv, line 3: expected 2 cells"):
        list(csv_source.read([f"{scheme}{tmp_path}/a.csv"]))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_files_size_and_time_are_told(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    os.utime(tmp_path / "a.csv", ns=(0, 1_795_000_000_123_456_789))
    size, time = files.size_and_time(f"{scheme}{tmp_path}/a.csv")
    assert size == 4
    assert time == 1_795_000_000_000_000_000 + (0 if scheme else 123_456_789)

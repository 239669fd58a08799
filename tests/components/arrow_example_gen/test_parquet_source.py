"""Parquet files: types, missing values, and what a tf.Example cannot hold."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.arrow_example_gen import parquet_source
from components.arrow_example_gen.errors import InputError


def read(folder: Path, *tables: pa.Table, **parameters: Any) -> list[pa.RecordBatch]:
    paths = [str(folder / f"{number}.parquet") for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    return list(parquet_source.read(paths, **parameters))


@pytest.mark.parametrize(
    ("column", "wanted", "values"),
    [
        (pa.array([1, None, -3], pa.int8()), pa.int64(), [1, None, -3]),
        (pa.array([1, None], pa.uint32()), pa.int64(), [1, None]),
        (pa.array([True, False, None]), pa.int64(), [1, 0, None]),
        (pa.array([1.5, None, 1e39], pa.float64()), pa.float32(), [1.5, None, float("inf")]),
        (pa.array([0.5, None], pa.float32()), pa.float32(), [0.5, None]),
        (pa.array(["x", "", None]), pa.large_binary(), [b"x", b"", None]),
        (pa.array(["x", None], pa.large_string()), pa.large_binary(), [b"x", None]),
        (pa.array([b"\xff", None], pa.binary()), pa.large_binary(), [b"\xff", None]),
        (pa.array(["x", "y", None, "x"]).dictionary_encode(), pa.large_binary(), None),
        (pa.nulls(2), pa.null(), [None, None]),
    ],
)
def test_values_keep_their_type(tmp_path: Path, column, wanted, values) -> None:
    (batch,) = read(tmp_path, pa.table({"a": column}))
    assert batch.schema == pa.schema([("a", wanted)])
    assert batch.column(0).to_pylist() == (values or [b"x", b"y", None, b"x"])


def test_rows_come_in_batches_in_the_order_of_the_files(tmp_path: Path) -> None:
    batches = read(
        tmp_path, pa.table({"a": range(5)}), pa.table({"a": range(5, 9)}), rows_at_once=2
    )
    assert [batch.num_rows for batch in batches] == [2, 2, 1, 2, 2]
    assert [row["a"] for batch in batches for row in batch.to_pylist()] == list(range(9))


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([[1, 2]]), "list<"),
        (pa.array([{"b": 1}]), "struct<"),
        (pa.array([datetime.datetime(2026, 1, 1)], pa.timestamp("ms")), "timestamp"),  # noqa: DTZ001
        (pa.array([datetime.date(2026, 1, 1)]), "date32"),
    ],
)
def test_what_has_no_place_in_an_example_is_refused_by_name(tmp_path: Path, column, shown) -> None:
    with pytest.raises(InputError, match=rf"0\.parquet: expected column 'a' .* received {shown}"):
        read(tmp_path, pa.table({"a": column}))


def test_an_int_of_more_than_63_bits_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'a' has a value that int64 cannot hold"):
        read(tmp_path, pa.table({"a": pa.array([2**63], pa.uint64())}))


def test_files_of_a_split_need_the_same_columns(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"1\.parquet: expected .* a: int64, received a: large_bin"
    ):
        read(tmp_path, pa.table({"a": [1]}), pa.table({"a": ["x"]}))


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"a\.parquet: expected a Parquet file"):
        list(parquet_source.read([str(path)]))

"""Bytes beside protobuf's own deterministic serialization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.arrow_example_gen.encoding import examples, features, varint

INTS = [0, 1, 127, 128, 300, 2**14 - 1, 2**14, 2**35, 2**62, 2**63 - 1, -1, -(2**63), None]
FLOATS = [0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 1e-45, 3.4e38, None]
TEXTS = [b"", b"x", "größe".encode(), b"\x00\xff", b"y" * 127, b"z" * 128, b"w" * 20_000, None]

COLUMNS = {
    "int": pa.array(INTS, pa.int64()),
    "float": pa.array(FLOATS, pa.float32()),
    "bytes": pa.array(TEXTS, pa.large_binary()),
    "nothing": pa.nulls(3),
    "no_rows": pa.array([], pa.int64()),
    "all_missing": pa.array([None, None], pa.large_binary()),
    "slice": pa.array(TEXTS, pa.large_binary()).slice(2, 4),
}


def feature(kind: pa.DataType, value: Any) -> tf.train.Feature:
    values = [] if value is None else [value]
    if kind == pa.null():
        return tf.train.Feature()
    if kind == pa.int64():
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if kind == pa.float32():
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def serialized(names: list[str], columns: list[pa.Array]) -> list[bytes]:
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    name: feature(column.type, value)
                    for name, column, value in zip(names, columns, row, strict=True)
                }
            )
        ).SerializeToString(deterministic=True)
        for row in rows
    ]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_becomes_protobufs_features(name: str) -> None:
    column = COLUMNS[name]
    expected = [
        feature(column.type, value).SerializeToString(deterministic=True)
        for value in column.to_pylist()
    ]
    assert features(column).to_pylist() == expected


@pytest.mark.parametrize("name", COLUMNS)
def test_a_row_becomes_protobufs_example(name: str) -> None:
    batch = pa.RecordBatch.from_arrays([COLUMNS[name]], [name])
    assert examples(batch).to_pylist() == serialized([name], [COLUMNS[name]])


def test_features_stand_in_protobufs_order() -> None:
    # As UTF-16 the last two would change places.
    names = ["b", "a", "", "ab", "Z", "é", "x" * 200, "\U00010000", "\uffff"]
    columns = [pa.array([number, None]) for number in range(len(names))]
    batch = pa.RecordBatch.from_arrays(columns, names)
    assert examples(batch).to_pylist() == serialized(names, columns)


def test_random_rows_of_all_types_become_protobufs_examples() -> None:
    random = np.random.default_rng(7)
    rows = 500
    missing = random.random((3, rows)) < 0.2
    ints = random.integers(-(2**63), 2**63 - 1, rows) >> random.integers(0, 63, rows)
    texts = [random.bytes(size) for size in random.integers(0, 300, rows)]
    columns = [
        pa.array(ints, pa.int64(), mask=missing[0]),
        pa.array(random.normal(size=rows).astype(np.float32), mask=missing[1]),
        pa.array(np.array(texts, dtype=object), pa.large_binary(), mask=missing[2]),
        pa.nulls(rows),
    ]
    names = ["n", "x", "text", "nothing"]
    batch = pa.RecordBatch.from_arrays(columns, names)
    assert examples(batch).to_pylist() == serialized(names, columns)


@pytest.mark.parametrize(
    ("number", "expected"),
    # 300 is the worked example of protobuf's documentation.
    [(0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")],
)
def test_varints(number: int, expected: bytes) -> None:
    assert varint(number) == expected

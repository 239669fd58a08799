"""Splits beside the partitioning of stock ExampleGen."""

from __future__ import annotations

from typing import Any

import arrow_reference as reference
import pyarrow as pa
import pytest
import tensorflow as tf
from tfx.components.example_gen import base_example_gen_executor as stock

from components.arrow_example_gen import partition
from components.arrow_example_gen.encoding import examples
from components.arrow_example_gen.errors import InputError

BATCH = pa.RecordBatch.from_arrays(
    [
        pa.array([None if row % 7 == 0 else row % 20 for row in range(200)]),
        pa.array(
            [None if row % 5 == 0 else f"é{row % 30}" for row in range(200)], pa.large_string()
        ).cast(pa.large_binary()),
        pa.array([row / 4 for row in range(200)], pa.float32()),
        pa.nulls(200),
    ],
    ["int", "text", "float", "nothing"],
)
BUCKETS = [{"a": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 98, "c": 1}, {"a": 3, "b": 0, "c": 1}]


def expected(records: list[Any], buckets: dict[str, int], feature: str | None = None) -> list[int]:
    ends = [sum(list(buckets.values())[: end + 1]) for end in range(len(buckets))]
    config = reference.outputs(feature, **buckets).split_config
    return [stock._PartitionFn(record, len(ends), ends, config) for record in records]


@pytest.mark.parametrize("buckets", BUCKETS)
def test_rows_go_where_stock_sends_them(buckets: dict[str, int]) -> None:
    serialized = examples(BATCH).to_pylist()
    parsed = [tf.train.Example.FromString(record) for record in serialized]
    received = partition.by_example(serialized, list(buckets.values()))
    assert received.tolist() == expected(parsed, buckets)


@pytest.mark.parametrize("feature", ["int", "text"])
@pytest.mark.parametrize("buckets", BUCKETS)
def test_with_a_feature_rows_go_where_stock_sends_them(feature, buckets) -> None:
    parsed = [tf.train.Example.FromString(record) for record in examples(BATCH).to_pylist()]
    received = partition.by_feature(BATCH, feature, list(buckets.values()))
    assert received.tolist() == expected(parsed, buckets, feature)


def test_no_rows_go_nowhere() -> None:
    assert partition.by_example([], [2, 1]).tolist() == []
    assert partition.by_feature(BATCH.slice(0, 0), "int", [2, 1]).tolist() == []


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("other", r"expected one of the columns \['float', 'int', 'nothing', 'text'\]"),
        ("float", "received 'float', which has floats"),
        ("nothing", "received 'nothing', which has no values"),
    ],
)
def test_a_feature_that_cannot_be_a_key_is_refused(feature: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        partition.by_feature(BATCH, feature, [2, 1])

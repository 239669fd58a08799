"""The curated schema, against the shipped trips and against planted faults.

Rows become examples as in CsvExampleGen: a column has one type, that of its least specific cell,
and an empty cell is a feature without a value.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.taxi.config import CONFIG

Cells = dict[str, str]


@pytest.fixture(scope="module")
def trips() -> list[Cells]:
    with Path(CONFIG.data_root, "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(0).shuffle(rows)
    return rows


@pytest.fixture
def anomalies(
    schema: schema_pb2.Schema, tmp_path: Path
) -> Callable[[list[Cells], str], dict[str, set[str]]]:
    def find(rows: list[Cells], environment: str = "TRAINING") -> dict[str, set[str]]:
        records = str(tmp_path / "rows.tfrecord")
        with tf.io.TFRecordWriter(records) as writer:
            for serialized in encode(rows):
                writer.write(serialized)
        statistics = tfdv.generate_statistics_from_tfrecord(records)
        found = tfdv.validate_statistics(statistics, schema, environment=environment)
        return {
            name: {reason.short_description for reason in info.reason}
            for name, info in found.anomaly_info.items()
        }

    return find


def encode(rows: list[Cells]) -> list[bytes]:
    types: dict[str, Any] = {name: column_type([row[name] for row in rows]) for name in rows[0]}
    serialized = []
    for row in rows:
        example = tf.train.Example()
        for name, cell in row.items():
            feature = example.features.feature[name]
            if cell:
                kind, convert = types[name]
                getattr(feature, kind).value.append(convert(cell))
        serialized.append(example.SerializeToString())
    return serialized


def column_type(cells: list[str]) -> tuple[str, Callable[[str], object]]:
    for kind, convert in (("int64_list", int), ("float_list", float)):
        try:
            for cell in filter(None, cells):
                convert(cell)
        except ValueError:
            continue
        return kind, convert
    return "bytes_list", str.encode


@pytest.mark.parametrize("split", [slice(None, 10_000), slice(10_000, None)])
def test_the_shipped_trips_have_no_anomaly(
    trips: list[Cells], anomalies: Callable[..., dict[str, set[str]]], split: slice
) -> None:
    assert anomalies(trips[split]) == {}


def test_serving_lacks_the_tips_and_what_no_model_takes(
    trips: list[Cells],
    anomalies: Callable[..., dict[str, set[str]]],
    schema: schema_pb2.Schema,
) -> None:
    served = {f.name for f in schema.feature if "SERVING" not in f.not_in_environment}
    asked = [{name: row[name] for name in served} for row in trips[:2000]]

    assert not {"tips", "pickup_latitude"} & served
    assert anomalies(asked, "SERVING") == {}
    # A column without presence may lack anywhere.
    lacking = {f.name for f in schema.feature if f.HasField("presence")} - served
    assert anomalies(asked) == {name: {"Column dropped"} for name in lacking}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("fare", "twelve dollars", "Unexpected data type"),
        ("fare", "-3.5", "Out-of-range values"),
        ("trip_start_hour", "24", "Out-of-range values"),
        ("trip_start_day", "0", "Out-of-range values"),
        ("trip_start_month", "13", "Out-of-range values"),
        ("pickup_community_area", "78", "Out-of-range values"),
        ("payment_type", "Barter", "Unexpected string values"),
    ],
)
def test_one_wrong_cell_is_found(
    trips: list[Cells],
    anomalies: Callable[..., dict[str, set[str]]],
    column: str,
    cell: str,
    reason: str,
) -> None:
    rows = [dict(row) for row in trips[:2000]]
    rows[1000][column] = cell

    found = anomalies(rows)
    assert list(found) == [column]
    assert reason in found[column]


@pytest.mark.parametrize("column", ["company", "fare", "dropoff_census_tract"])
def test_a_missing_column_is_found(
    trips: list[Cells], anomalies: Callable[..., dict[str, set[str]]], column: str
) -> None:
    rows = [{name: cell for name, cell in row.items() if name != column} for row in trips[:2000]]

    assert anomalies(rows) == {column: {"Column dropped"}}


def test_an_unknown_column_is_found(
    trips: list[Cells], anomalies: Callable[..., dict[str, set[str]]]
) -> None:
    rows = [row | {"surge": "1.5"} for row in trips[:2000]]

    assert anomalies(rows) == {"surge": {"New column"}}


def test_other_companies_are_tolerated_up_to_a_tenth(
    trips: list[Cells], anomalies: Callable[..., dict[str, set[str]]]
) -> None:
    rows = [
        row | {"company": f"Owner {i}"} if i % 5 == 0 else row for i, row in enumerate(trips[:2000])
    ]

    assert list(anomalies(rows)) == ["company"]

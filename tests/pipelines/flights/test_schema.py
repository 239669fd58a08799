"""The curated schema, against weeks of the data and against planted faults.

Rows become examples as ArrowExampleGen makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from components.arrow_example_gen import csv_source, encoding
from pipelines.flights import source

Anomalies = Callable[..., dict[str, set[str]]]


@pytest.fixture(scope="module")
def anomalies(schema: schema_pb2.Schema) -> Anomalies:
    decoder = example_coder.ExamplesToRecordBatchDecoder()

    def find(csv: Path, environment: str = "TRAINING") -> dict[str, set[str]]:
        examples = [
            serialized
            for batch in csv_source.read([str(csv)])
            for serialized in encoding.examples(batch).to_pylist()
        ]
        statistics = stats_impl.generate_statistics_in_memory(decoder.DecodeBatch(examples))
        found = tfdv.validate_statistics(statistics, schema, environment=environment)
        return {
            name: {reason.short_description for reason in info.reason}
            for name, info in found.anomaly_info.items()
        }

    return find


@pytest.fixture
def changed(spans: Path, tmp_path: Path) -> Callable[[Callable[[pd.DataFrame], object]], Path]:
    """Returns a function that changes a thousand rows of a week, as text."""

    def change(how: Callable[[pd.DataFrame], object]) -> Path:
        table = pd.read_csv(
            spans / "span-6" / "flights.csv", dtype=str, keep_default_na=False, nrows=1000
        )
        how(table)
        table.to_csv(tmp_path / "changed.csv", index=False)
        return tmp_path / "changed.csv"

    return change


@pytest.mark.parametrize("week", [1, 10, 27, 44])
def test_a_week_has_no_anomaly(spans: Path, anomalies: Anomalies, week: int) -> None:
    assert anomalies(spans / f"span-{week}" / "flights.csv") == {}


def test_a_day_without_any_weather_is_found(spans: Path, anomalies: Anomalies) -> None:
    # The observations end on 30 December. Gusts may be missing.
    found = anomalies(spans / "span-53" / "flights.csv")

    weather = {name for name in source.COLUMNS if name.startswith("weather_")}
    assert set(found) == weather - {"weather_wind_gust"}


def test_serving_lacks_the_delay_and_what_no_model_reads(
    changed: Callable[..., Path], schema: schema_pb2.Schema, anomalies: Anomalies
) -> None:
    unserved = [f.name for f in schema.feature if "SERVING" in f.not_in_environment]

    asked = changed(lambda rows: rows.drop(columns=unserved, inplace=True))

    assert anomalies(asked, "SERVING") == {}
    assert set(anomalies(asked)) == set(unserved)


def test_callers_need_not_send_the_id(
    changed: Callable[..., Path], schema: schema_pb2.Schema, anomalies: Anomalies
) -> None:
    unserved = [f.name for f in schema.feature if "SERVING" in f.not_in_environment]
    asked = changed(lambda rows: rows.drop(columns=[*unserved, "flight_id"], inplace=True))

    assert anomalies(asked, "SERVING") == {}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("hour", "24", "Out-of-range values"),
        ("weekday", "0", "Out-of-range values"),
        ("sched_dep_minute", "1440", "Out-of-range values"),
        ("weather_humid", "101.0", "Out-of-range values"),
        ("weather_temp", "cold", "Unexpected data type"),
        ("distance", "17.0", "Out-of-range values"),
        ("origin", "PHL", "Unexpected string values"),
        ("carrier", "ZZ", "Unexpected string values"),
        ("plane_engines", "5", "Out-of-range values"),
        ("scheduled_at", "1388707200", "Out-of-range values"),
    ],
)
def test_one_wrong_cell_is_found(
    changed: Callable[..., Path], anomalies: Anomalies, column: str, cell: str, reason: str
) -> None:
    def plant(rows: pd.DataFrame) -> None:
        rows.loc[500, column] = cell

    found = anomalies(changed(plant))

    assert list(found) == [column]
    assert reason in found[column]


@pytest.mark.parametrize("column", ["carrier", "weather_pressure", "arr_delay", "tailnum"])
def test_a_missing_column_is_found(
    changed: Callable[..., Path], anomalies: Anomalies, column: str
) -> None:
    without = changed(lambda rows: rows.drop(columns=column, inplace=True))

    assert anomalies(without) == {column: {"Column dropped"}}


def test_a_new_destination_is_tolerated(changed: Callable[..., Path], anomalies: Anomalies) -> None:
    def plant(rows: pd.DataFrame) -> None:
        rows.loc[:8, "dest"] = "YYZ"

    assert anomalies(changed(plant)) == {}


def test_winter_and_summer_differ_in_the_weather(spans: Path, schema: schema_pb2.Schema) -> None:
    def statistics(first: int, last: int) -> object:
        tables = [pd.read_csv(spans / f"span-{n}" / "flights.csv") for n in range(first, last + 1)]
        kept = [f.name for f in schema.feature if f.HasField("drift_comparator")]
        return tfdv.generate_statistics_from_dataframe(pd.concat(tables)[kept])

    winter, spring, summer = statistics(1, 8), statistics(9, 16), statistics(27, 34)

    def drifted(earlier: object, later: object) -> set[str]:
        found = tfdv.validate_statistics(later, schema, previous_statistics=earlier)
        return {
            name
            for name, info in found.anomaly_info.items()
            if any("Jensen-Shannon" in reason.description for reason in info.reason)
        }

    assert drifted(winter, spring) == set()
    assert {"weather_temp", "weather_dewp"} <= drifted(winter, summer)
    assert all(name.startswith("weather_") for name in drifted(winter, summer))

"""Anomalies put into words, and found in the CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from pipelines import diagnosis

SCHEMA = text_format.Parse(
    """
    feature { name: "fare" type: FLOAT float_domain { min: 0 } presence { min_fraction: 1 } }
    feature { name: "hour" type: INT int_domain { min: 0 max: 23 } presence { min_count: 1 } }
    feature { name: "paid" type: BYTES domain: "paid" }
    feature { name: "area" type: INT presence { min_fraction: 0.5 } }
    feature { name: "absent" type: INT presence { min_fraction: 1 } }
    string_domain { name: "paid" value: "Cash" value: "Card" }
    """,
    schema_pb2.Schema(),
)
FEATURES = {feature.name: feature for feature in SCHEMA.feature}

# The texts are TFDV's own.
ANOMALIES = text_format.Parse(
    """
    anomaly_info {
      key: "paid"
      value {
        severity: WARNING
        short_description: "Unexpected string values"
        description: "Examples contain values missing from the schema: Bitcoin (~2%)."
        path { step: "paid" }
        reason {
          type: ENUM_TYPE_UNEXPECTED_STRING_VALUES
          short_description: "Unexpected string values"
          description: "Examples contain values missing from the schema: Bitcoin (~2%)."
        }
      }
    }
    anomaly_info {
      key: "trip.fare"
      value {
        severity: ERROR
        short_description: "Multiple errors"
        path { step: "trip" step: "fare" }
        reason {
          type: UNEXPECTED_DATA_TYPE
          short_description: "Unexpected data type"
          description: "Expected data of type: FLOAT but got STRING"
        }
        reason {
          type: FEATURE_TYPE_LOW_FRACTION_PRESENT
          short_description: "Column dropped"
          description: "The feature was present in fewer examples than expected"
        }
      }
    }
    """,
    anomalies_pb2.Anomalies(),
)


def data(folder: Path, **files: str) -> list[Path]:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return sorted(folder.iterdir())


def found(files: list[Path], feature: str) -> list[tuple[str, int, str, str, int]]:
    return [
        (o.path.name, o.line, o.value, o.reason, o.count)
        for o in diagnosis.locate(files, FEATURES[feature], SCHEMA)
    ]


def test_the_first_wrong_value_is_found_with_how_many_there_are(tmp_path: Path) -> None:
    files = data(
        tmp_path,
        a="fare,hour\n1.5,1\n2.5,2\n",
        b='fare,hour\n3.5,3\n\n"twelve\nand a bit",4\nN/A,5\n',
    )
    assert found(files, "fare") == [("b.csv", 4, "twelve\nand a bit", "is no number", 2)]
    (offence,) = diagnosis.locate(files, FEATURES["fare"], SCHEMA)
    assert str(offence) == (
        f"{tmp_path / 'b.csv'}, line 4, column 'fare': 'twelve\\nand a bit' is no number "
        "(2 of 5 rows)"
    )


@pytest.mark.parametrize(
    ("content", "feature", "expected"),
    [
        ("hour\n3\n25\n", "hour", [("t.csv", 3, "25", "is above 23", 1)]),
        ("fare\n-1.5\n", "fare", [("t.csv", 2, "-1.5", "is below 0.0", 1)]),
        (
            "paid,x\nCash,1\nBitcoin,1\n,1\n",
            "paid",
            [("t.csv", 3, "Bitcoin", "is not in the domain ('Cash', 'Card')", 1)],
        ),
        ("fare,x\n1.5,1\n,1\n", "fare", [("t.csv", 3, "", "is empty", 1)]),
        (
            "fare,x\n1.5,1\nten,1\n,1\n",
            "fare",
            [("t.csv", 3, "ten", "is no number", 1), ("t.csv", 4, "", "is empty", 1)],
        ),
        ("hour,x\n,1\n,1\n", "hour", [("t.csv", 2, "", "is empty", 2)]),
        ("hour,x\n,1\n1,1\n", "hour", []),
        ("area,x\n,1\n1,1\n", "area", []),
        ("area,x\n,1\n1,1\n,1\n", "area", [("t.csv", 2, "", "is empty", 2)]),
        (
            "fare,x\n3,1\n4,1\n",
            "fare",
            [
                (
                    "t.csv",
                    2,
                    "3",
                    "is read as a whole number, like the whole column; the schema expects FLOAT",
                    2,
                )
            ],
        ),
        ("fare\n3\n4.5\n", "fare", []),
        ("fare\n1.5\n", "absent", []),
        ("fare\n", "fare", []),
    ],
)
def test_a_column_is_held_against_its_feature(
    tmp_path: Path, content: str, feature: str, expected: list[tuple[str, int, str, str, int]]
) -> None:
    assert found(data(tmp_path, t=content), feature) == expected


def test_numbers_in_a_column_of_text_without_a_domain_are_found(tmp_path: Path) -> None:
    feature = text_format.Parse("name: 'zip' type: BYTES", schema_pb2.Feature())
    (offence,) = diagnosis.locate(data(tmp_path, t="zip\n60601\n606.5\n"), feature, SCHEMA)
    assert (offence.line, offence.value) == (2, "60601")
    assert offence.reason.startswith("is read as a number")


def test_the_first_row_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    files = data(tmp_path, a="x,y\n1,2\n", b="x,y\n1,2\n1\n")
    fault = diagnosis.find_fault(files)
    assert fault is not None
    assert (fault.path, fault.line) == (tmp_path / "b.csv", 3)
    assert diagnosis.find_fault(files[:1]) is None


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("tips,x\n0,1\n0,2\n", "0"),
        ("tips,x\n0,1\n1,2\n", None),
        ("tips,x\n,1\n,2\n", ""),
        ("tips,x\n", None),
        ("x\n1\n", None),
    ],
)
def test_a_constant_column_is_told_by_its_value(
    tmp_path: Path, content: str, value: str | None
) -> None:
    assert diagnosis.constant_value(data(tmp_path, t=content), "tips") == value


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [
        (
            "warning",
            [
                ("trip.fare", "error", "Unexpected data type"),
                ("trip.fare", "error", "Column dropped"),
                ("paid", "warning", "Unexpected string values"),
            ],
        ),
        (
            "error",
            [
                ("trip.fare", "error", "Unexpected data type"),
                ("trip.fare", "error", "Column dropped"),
            ],
        ),
        ("never", []),
    ],
)
def test_anomalies_of_the_chosen_severity_are_reported_gravest_first(
    fail_on: Literal["error", "warning", "never"], expected: list[tuple[str, str, str]]
) -> None:
    reports = diagnosis.describe(ANOMALIES, fail_on)
    assert [(report.feature, report.severity, report.short) for report in reports] == expected
    for report in reports:
        assert report.remedy == diagnosis.remedy_for(report.type)


def test_a_report_keeps_the_long_reason() -> None:
    report = diagnosis.describe(ANOMALIES, "error")[0]
    assert report.long == "Expected data of type: FLOAT but got STRING"


@pytest.mark.parametrize(
    ("anomalies", "feature", "short"),
    [
        ("data_missing: true", "", "No data"),
        (
            """dataset_anomaly_info { severity: ERROR reason {
                 type: DATASET_LOW_NUM_EXAMPLES short_description: "Low num examples" } }""",
            "",
            "Low num examples",
        ),
        (
            """anomaly_info { key: "a" value {
                 short_description: "Odd" description: "Of unknown severity" } }""",
            "a",
            "Odd",
        ),
    ],
)
def test_what_concerns_no_feature_or_has_no_severity_still_stops_a_run(
    anomalies: str, feature: str, short: str
) -> None:
    (report,) = diagnosis.describe(text_format.Parse(anomalies, anomalies_pb2.Anomalies()), "error")
    assert (report.feature, report.severity, report.short) == (feature, "error", short)
    assert report.long or report.short
    assert report.remedy


def test_sound_data_has_no_reports() -> None:
    assert diagnosis.describe(anomalies_pb2.Anomalies(), "warning") == []
